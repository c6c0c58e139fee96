"""Pairings of the stand-in bridge's devices, with the passkey that may be asked for in them.

Nothing here is synchronised: `bridge.fake` holds its lock around every use.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.errors import BridgeCode, BridgeError

PASSKEY_ID = "YS1wYXNza2V5"
"""The id of every owner's passkey, in base64url."""
FIRST_CODE_MS = 60_000
NEXT_CODE_MS = 20_000
_PASSKEY_MS = 300_000
_PARTS = {"id", "rawId", "type", "response"}
_BYTES = {"clientDataJSON", "authenticatorData", "signature", "userHandle"}


@dataclass(slots=True)
class Passkey:
    """What an owner's authenticator is asked, and how far the exchange is.

    `code` is what the phone shows; `compare`: the owner has to compare it.
    """

    stage: str = "asked"
    challenge: str = field(default_factory=secrets.token_urlsafe)
    code: str | None = None
    compare: bool = False

    def describe(self, expires_at: int) -> dict[str, Any]:
        """Return the *passkey*."""
        shown = {} if self.code is None else {"code": self.code}
        public_key = {
            "challenge": self.challenge,
            "timeout": 60_000,
            "rpId": "whatsapp.com",
            "allowCredentials": [
                {"id": PASSKEY_ID, "type": "public-key", "transports": ["internal", "hybrid"]}
            ],
            "userVerification": "required",
            "extensions": {},
        }
        return {
            "stage": self.stage,
            "public_key": public_key,
            **shown,
            "compare": self.compare,
            "expires_at": expires_at,
        }

    def answer(self, credential: Mapping[str, Any]) -> None:
        """Take the authenticator's answer, whose signature is not looked at."""
        told = dict(_bytes_of(credential))
        if self.stage != "asked":
            return
        challenge = _challenge_of(told.get("clientDataJSON", b""))
        if (credential["rawId"], challenge) != (PASSKEY_ID, self.challenge):
            raise BridgeError(BridgeCode.SERVER_REFUSED, "the answer does not verify")
        self.stage = "answered"

    def confirm(self) -> None:
        """Take the owner's word that the codes are the same."""
        if self.stage == "shown":
            self.stage = "confirmed"


@dataclass(slots=True)
class Pairing:
    """A running pairing and its code on show. Times are Unix milliseconds.

    `phone` is what the code is to be typed into; without one it is to be scanned. `beside` holds
    the codes to be scanned that were shown beside one to be typed, by their number.
    """

    attempt: int
    code: str
    generated_at: int
    expires_at: int
    polled_at: int
    phone: str | None = None
    passkey: Passkey | None = None
    beside: dict[int, str] = field(default_factory=dict)

    def show(self, now: int, *, cached: bool) -> dict[str, Any]:
        """Return the code on show; asking keeps it alive."""
        self.polled_at = now
        return {
            "code": self.code,
            "generated_at": self.generated_at,
            "expires_at": self.expires_at,
            "attempt": self.attempt,
            "cached": cached,
        }

    def show_beside(self, now: int) -> dict[str, Any]:
        """Return the code to be scanned whose turn it is beside one to be typed."""
        self.polled_at = now
        late = now - self.generated_at - FIRST_CODE_MS
        attempt = 1 if late < 0 else 2 + late // NEXT_CODE_MS
        expires_at = self.generated_at + FIRST_CODE_MS + (attempt - 1) * NEXT_CODE_MS
        lasts = FIRST_CODE_MS if attempt == 1 else NEXT_CODE_MS
        cached = attempt in self.beside
        code = self.beside.setdefault(attempt, make_scan_code())
        turn = Pairing(attempt, code, expires_at - lasts, expires_at, now)
        return turn.show(now, cached=cached)

    def describe(self, now: int) -> dict[str, Any]:
        """Return how it stands; asking keeps it alive."""
        self.polled_at = now
        return {
            **self.describe_as("waiting" if self.passkey is None else "passkey"),
            "generated_at": self.generated_at,
            "expires_at": self.expires_at,
        }

    def describe_as(self, state: str) -> dict[str, Any]:
        """Return what is told of it in any state."""
        by = {"method": "qr"} if self.phone is None else {"method": "code", "phone": self.phone}
        return {"state": state, **by, "attempt": self.attempt}

    def ask_passkey(self, now: int) -> None:
        """Have the owner's passkey asked for, on a time of its own."""
        self.passkey = Passkey()
        self.generated_at, self.expires_at = now, now + _PASSKEY_MS


def make_scan_code() -> str:
    """Make the text of a code to be scanned."""
    return f"2@{secrets.token_hex(16)}"


def _bytes_of(credential: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Give what a credential holds in base64url. Raises ValueError for what does not fit."""
    response = credential["response"]
    if set(credential) - _PARTS or set(response) - _BYTES:
        raise ValueError("not a credential")
    for name, text in {"rawId": credential["rawId"], **response}.items():
        padding = "=" * (-len(text) % 4)
        yield name, base64.b64decode(text + padding, altchars="-_", validate=True)


def _challenge_of(client_data: bytes) -> str | None:
    try:
        return str(json.loads(client_data)["challenge"])
    except (ValueError, TypeError, KeyError):
        return None
