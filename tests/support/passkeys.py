"""The authenticator of an account's owner, as a phone or a security key is one."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bridge.fake_pairings import PASSKEY_ID

ORIGIN = "https://web.whatsapp.com"
# A person was there, and proved who they are.
_FLAGS = b"\x05"
_COUNTER = b"\x00\x00\x00\x01"


def encode(data: bytes) -> str:
    """Write bytes as WebAuthn does: base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Authenticator:
    """Holds a passkey and answers for its owner."""

    def __init__(self, key_id: str = PASSKEY_ID) -> None:
        self._id = key_id
        self._key = ec.generate_private_key(ec.SECP256R1())

    def passkey(self) -> dict[str, str]:
        """Return what a simulated account knows of the passkey."""
        public = self._key.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
        key_id = base64.urlsafe_b64decode(self._id)
        told = {"id": key_id, "public_key": public}
        return {name: base64.b64encode(data).decode() for name, data in told.items()}

    def answer(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Sign what is asked; returns the credential as a browser's `toJSON()` gives it."""
        client = {"type": "webauthn.get", "challenge": options["challenge"], "origin": ORIGIN}
        client_data = json.dumps(client).encode()
        data = hashlib.sha256(options["rpId"].encode()).digest() + _FLAGS + _COUNTER
        signed = data + hashlib.sha256(client_data).digest()
        signature = self._key.sign(signed, ec.ECDSA(hashes.SHA256()))
        return {
            "id": self._id,
            "rawId": self._id,
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": encode(client_data),
                "authenticatorData": encode(data),
                "signature": encode(signature),
                "userHandle": None,
            },
        }
