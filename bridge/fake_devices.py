"""The devices of the stand-in bridge: pairing, connection and app state as in docs/bridge.md.

Nothing here is synchronised: `bridge.fake` holds its lock around every use.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bridge.errors import BridgeCode, BridgeError
from bridge.fake_mutations import check_mutations, to_index, to_value
from bridge.fake_pairings import FIRST_CODE_MS, NEXT_CODE_MS, Pairing, Passkey, make_scan_code
from bridge.fake_talk import Talk
from bridge.interface import COLLECTIONS

STATUSES = (
    "new",
    "pairing",
    "passkey_required",
    "connecting",
    "connected",
    "disconnected",
    "logged_out",
    "replaced",
    "outdated",
    "banned",
    "stopped",
)
_PAIR_CODE_MS = 160_000
_PAIRING_IDLE_MS = 180_000
_LAST_ATTEMPT = 36
_PHONE = re.compile(r"[1-9][0-9]{6,14}")
_LETTERS = "123456789ABCDEFGHJKLMNPQRSTVWXYZ"

_REFUSALS = {
    "new": BridgeCode.DEVICE_NOT_LINKED,
    "pairing": BridgeCode.DEVICE_NOT_LINKED,
    "passkey_required": BridgeCode.DEVICE_NOT_LINKED,
    "logged_out": BridgeCode.DEVICE_LOGGED_OUT,
    "replaced": BridgeCode.DEVICE_REPLACED,
    "banned": BridgeCode.DEVICE_BANNED,
    "outdated": BridgeCode.DEVICE_OUTDATED,
}
_AFTER_RESTART = {
    "connecting": "disconnected",
    "connected": "disconnected",
    "pairing": "new",
    "passkey_required": "new",
}

Emit = Callable[["FakeDevice", str, Mapping[str, Any]], None]


@dataclass(slots=True)
class FakeDevice:
    """A device. `has_keys` says whether the phone has shared its app-state keys."""

    tenant_id: str
    device_id: str
    emit: Emit
    now: Callable[[], int]
    is_online: bool = True
    status: str = "new"
    reason: str | None = None
    jid: str | None = None
    lid: str | None = None
    push_name: str | None = None
    last_seen_at: int | None = None
    banned_until: int | None = None
    has_keys: bool = True
    app_state: str = "ok"
    pairing: Pairing | None = None
    pairing_result: dict[str, Any] = field(default_factory=lambda: {"state": "none", "attempt": 0})
    versions: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COLLECTIONS, 0))
    values: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    patches: list[Sequence[Mapping[str, Any]]] = field(default_factory=list)
    refused_chats: set[str] = field(default_factory=set)
    talk: Talk = field(default_factory=Talk)

    def describe(self) -> dict[str, Any]:
        """Return its *status*."""
        known = {
            "reason": self.reason,
            "jid": self.jid,
            "lid": self.lid,
            "push_name": self.push_name,
            "last_seen_at": self.last_seen_at,
            "banned_until": self.banned_until,
        }
        return {
            "device_id": self.device_id,
            "status": self.status,
            "connected": self.status == "connected",
            "app_state": self.app_state,
            **{name: value for name, value in known.items() if value is not None},
        }

    def after_restart(self, emit: Emit) -> FakeDevice:
        """Return what the next process finds of it."""
        status = _AFTER_RESTART.get(self.status, self.status)
        return replace(self, emit=emit, status=status, pairing=None)

    def report_collections(self) -> None:
        """Report what the store has of each collection, as whenever it is opened."""
        if self.jid is None:
            return
        for name, version in self.versions.items():
            status = {"collection": name, "version": version, "state": self.app_state}
            self.emit(self, "app_state.status", {**status, "loaded": True})

    def move(
        self, status: str, reason: str | None = None, *, banned_until: int | None = None
    ) -> None:
        """Change the status, and report it if it is another one."""
        if (status, reason) == (self.status, self.reason):
            return
        self.status, self.reason, self.banned_until = status, reason, banned_until
        if status == "connected":
            self.last_seen_at = self.now()
        self.emit(self, "device.status", self.describe())

    def connect(self) -> dict[str, Any]:
        """Begin to connect; what comes of it is reported after the reply was made."""
        if self.jid is None or self.status == "connected":
            return self.describe()
        self.move("connecting")
        reply = self.describe()
        if self.is_online:
            self.move("connected")
        return reply

    def disconnect(self) -> dict[str, Any]:
        """End the connection or the pairing."""
        self.fail_pairing("cancelled")
        if self.status not in _REFUSALS:
            self.move("disconnected", "requested")
        return self.describe()

    def log_out(self) -> dict[str, Any]:
        """Erase the keys."""
        if self.jid is None:
            raise BridgeError(BridgeCode.DEVICE_NOT_LINKED, "the device has no keys")
        unlinked = self.status == "connected"
        self.forget_account("logged_out", "requested")
        return {"unlinked": unlinked}

    def erase(self) -> bool:
        """Go away without another word; returns whether WhatsApp confirmed it."""
        return self.jid is not None and self.status == "connected"

    def forget_account(self, status: str, reason: str) -> None:
        """Lose the keys."""
        self.jid = self.lid = self.push_name = None
        self.versions = dict.fromkeys(COLLECTIONS, 0)
        self.move(status, reason)

    def show_code(self, *, refresh: bool) -> dict[str, Any]:
        """Return the code on show, or the next one."""
        present = self._present_pairing()
        if present is not None and (present.passkey or present.phone) is not None:
            if present.passkey is None and not refresh:
                return self._show_beside(present)
            self._give_way(refresh=refresh)
            present = None
        if present is None or refresh or self.now() >= present.expires_at:
            return self._next_pairing(present).show(self.now(), cached=False)
        return present.show(self.now(), cached=True)

    def show_pair_code(self, *, phone: str, refresh: bool) -> dict[str, Any]:
        """Return the code to be typed into that phone, or a new one."""
        if not _PHONE.fullmatch(phone):
            raise ValueError("not the digits of a phone number")
        present = self._present_pairing()
        is_other = present is not None and present.phone not in (None, phone)
        if present is not None and (is_other or present.passkey is not None):
            self._give_way(refresh=refresh)
        cached = present is not None and present.phone == phone and not refresh
        shown = present if cached and present is not None else self._begin_pair_code(phone)
        code = shown.show(self.now(), cached=cached)
        del code["attempt"]
        return code

    def describe_pairing(self) -> dict[str, Any]:
        """Return how the pairing stands; asking keeps it alive."""
        self.expire_pairing()
        if self.pairing is None:
            return dict(self.pairing_result)
        return self.pairing.describe(self.now())

    def ask_passkey(self) -> None:
        """Let a phone take the code on show, and WhatsApp ask for its owner's passkey."""
        pairing = self._linkable_pairing()
        pairing.ask_passkey(self.now())
        self.move("passkey_required")
        self._report_passkey("asked")

    def show_passkey(self, code: str, *, compare: bool) -> None:
        """Let the phone introduce itself and show its code."""
        asked = self._asked_passkey()
        asked.stage, asked.code, asked.compare = "shown", code, compare
        self._report_passkey("shown")

    def describe_passkey(self) -> dict[str, Any]:
        """Return the *passkey*; asking keeps the pairing alive."""
        return self._asked_passkey().describe(self._linkable_pairing().expires_at)

    def answer_passkey(self, *, credential: Mapping[str, Any]) -> dict[str, Any]:
        """Take an authenticator's answer."""
        self._asked_passkey().answer(credential)
        return self.describe_passkey()

    def confirm_passkey(self) -> dict[str, Any]:
        """Take the owner's confirmation."""
        self._asked_passkey().confirm()
        return self.describe_passkey()

    def expire_pairing(self) -> None:
        """End a pairing that nobody has looked at for three minutes, or that had its last code."""
        pairing = self.pairing
        if pairing is None:
            return
        is_idle = self.now() - pairing.polled_at >= _PAIRING_IDLE_MS
        is_last = pairing.attempt >= _LAST_ATTEMPT or (pairing.phone or pairing.passkey) is not None
        if is_idle or (is_last and self.now() >= pairing.expires_at):
            self._end_pairing(pairing.describe_as("expired"))
            self.emit(self, "pairing.expired", {"attempt": pairing.attempt})

    def fail_pairing(self, reason: str) -> None:
        """End the pairing, if one runs, for a reason."""
        pairing = self.pairing
        if pairing is not None:
            self._end_pairing({**pairing.describe_as("failed"), "reason": reason})
            self.emit(self, "pairing.failed", {"reason": reason})

    def link(self, jid: str, *, lid: str | None, push_name: str | None) -> None:
        """Let the phone take the code on show, after its owner's confirmation if one is awaited."""
        pairing = self._linkable_pairing()
        if pairing.passkey is not None and pairing.passkey.stage != "confirmed":
            raise BridgeError(BridgeCode.PAIRING_FAILED, "the owner has not confirmed")
        self.pairing_result = pairing.describe_as("linked")
        self.pairing = None
        self.jid, self.lid, self.push_name = jid, lid, push_name
        self.app_state = "ok" if self.has_keys else "awaiting_keys"
        self.emit(self, "pair.success", {"jid": jid} | ({"lid": lid} if lid else {}))
        self.connect()

    def apply(self, collection: str, mutations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Accept a patch, all but what the test has the server refuse."""
        check_mutations(mutations, collection)
        self.check_connected()
        if self.app_state == "wedged":
            raise BridgeError(BridgeCode.APP_STATE_BROKEN, "the collection is wedged")
        self._check_keys()
        rejected = [
            {"position": position, "code": "SERVER_REFUSED", "message": "refused"}
            for position, mutation in enumerate(mutations)
            if mutation["chat_jid"] in self.refused_chats
        ]
        self.versions[collection] += 1
        self.patches.append([dict(mutation) for mutation in mutations])
        accepted = [one for one in mutations if one["chat_jid"] not in self.refused_chats]
        for mutation in accepted:
            self._accept(collection, mutation, is_last=mutation is accepted[-1])
        return {
            "version": self.versions[collection],
            "trips": 1,
            "conflicts": 0,
            "rejected": rejected,
        }

    def sync(self, *, collection: str, full: bool = False) -> dict[str, Any]:
        """Fetch a collection; a full fetch also mends a wedged one."""
        version = self.versions[collection]
        self.check_connected()
        self._check_keys()
        if self.app_state == "wedged" and not full:
            raise BridgeError(BridgeCode.APP_STATE_BROKEN, "the collection is wedged")
        self.app_state = "ok"
        return {"version": version}

    def describe_collections(self) -> dict[str, Any]:
        """Return how each collection stands, connected or not."""
        if self.jid is None:
            code = _REFUSALS.get(self.status, BridgeCode.DEVICE_NOT_LINKED)
            raise BridgeError(code, f"the device is {self.status}")
        return {
            "collections": [
                {"name": name, "version": self.versions[name], "state": self.app_state}
                for name in COLLECTIONS
            ]
        }

    def connected_talk(self) -> Talk:
        """Return what the device has to say, which needs a connection."""
        self.check_connected()
        return self.talk

    def check_connected(self) -> None:
        """Raise what the bridge answers while the device is not connected."""
        if self.status in _REFUSALS:
            raise BridgeError(_REFUSALS[self.status], f"the device is {self.status}")
        if self.status != "connected":
            raise BridgeError(BridgeCode.DEVICE_NOT_CONNECTED, "no connection", retryable=True)

    def _check_keys(self) -> None:
        if not self.has_keys:
            raise BridgeError(BridgeCode.APP_STATE_NOT_READY, "no key yet", retryable=True)

    def _accept(self, collection: str, mutation: Mapping[str, Any], *, is_last: bool) -> None:
        index = to_index(mutation)
        self.values[index] = mutation
        change = {
            "collection": collection,
            "version": self.versions[collection],
            "operation": "set",
            "index": list(index),
            "value": to_value(mutation),
            "value_at": self.now(),
            "full": False,
            "own": True,
            "last": is_last,
        }
        self.emit(self, "app_state.change", change)

    def _next_pairing(self, before: Pairing | None) -> Pairing:
        now = self.now()
        attempt = 1 if before is None else before.attempt + 1
        lasts = FIRST_CODE_MS if before is None else NEXT_CODE_MS
        self.pairing = Pairing(attempt, make_scan_code(), now, now + lasts, now)
        self.move("pairing")
        self._report_code(attempt, self.pairing.expires_at)
        return self.pairing

    def _show_beside(self, pairing: Pairing) -> dict[str, Any]:
        code = pairing.show_beside(self.now())
        if not code["cached"]:
            self._report_code(code["attempt"], code["expires_at"])
        return code

    def _report_code(self, attempt: int, expires_at: int) -> None:
        self.emit(self, "qr.generated", {"attempt": attempt, "expires_at": expires_at})

    def _linkable_pairing(self) -> Pairing:
        if self.pairing is None:
            raise BridgeError(BridgeCode.PAIRING_FAILED, "no code is on show")
        return self.pairing

    def _asked_passkey(self) -> Passkey:
        pairing = self._present_pairing()
        if pairing is None or pairing.passkey is None:
            raise BridgeError(BridgeCode.DEVICE_NOT_LINKED, "no passkey is asked for")
        pairing.polled_at = self.now()
        return pairing.passkey

    def _report_passkey(self, stage: str) -> None:
        told = {"stage": stage, "expires_at": self._linkable_pairing().expires_at}
        self.emit(self, "pairing.passkey_required", told)

    def _give_way(self, *, refresh: bool) -> None:
        """End a pairing of another kind if there is to be a new code. Raises PAIRING_BUSY."""
        if not refresh:
            raise BridgeError(BridgeCode.PAIRING_BUSY, "linked in another way", retryable=True)
        self.fail_pairing("superseded")

    def _present_pairing(self) -> Pairing | None:
        if self.jid is not None:
            raise BridgeError(BridgeCode.DEVICE_ALREADY_LINKED, "the device is linked")
        self.expire_pairing()
        return self.pairing

    def _begin_pair_code(self, phone: str) -> Pairing:
        now = self.now()
        letters = "".join(secrets.choice(_LETTERS) for _ in range(8))
        code = f"{letters[:4]}-{letters[4:]}"
        self.pairing = Pairing(1, code, now, now + _PAIR_CODE_MS, now, phone)
        self.move("pairing")
        return self.pairing

    def _end_pairing(self, result: dict[str, Any]) -> None:
        if self.pairing is not None:
            self.pairing = None
            self.pairing_result = result
            self.move("new")
