"""Encrypts what tenants entrust before it is written. The keys are not in the database."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

KEY_RULE = "must be Fernet keys (32 bytes in URL-safe base64), separated by commas"


class WrongKey(Exception):
    """None of the keys is the one that something was encrypted with."""


class Vault:
    """Encrypts with the first of its keys and decrypts with any. `unlock` comes first."""

    def __init__(self) -> None:
        self._keys: Sequence[Fernet] = ()
        self._digest_key = b""

    def unlock(self, keys: str) -> None:
        """Learn the keys, separated by commas. Raises ValueError for what is none."""
        self._keys = parse_keys(keys)
        self._digest_key = keys.split(",")[-1].strip().encode()

    def encrypt(self, text: str) -> bytes:
        """Encrypt a text."""
        return self._keys[0].encrypt(text.encode())

    def decrypt(self, token: bytes) -> str:
        """Decrypt what was encrypted with one of the keys. Raises WrongKey."""
        try:
            return MultiFernet(self._keys).decrypt(token).decode()
        except InvalidToken:
            raise WrongKey from None

    def digest(self, message: bytes) -> bytes:
        """Return 32 bytes by which a message is known again, and without the keys not guessed.

        They change with the last key, the oldest, so that putting a new one first keeps them.
        """
        return hmac.digest(self._digest_key, message, hashlib.sha256)

    def is_current(self, token: bytes) -> bool:
        """Whether something was encrypted with the first key."""
        try:
            self._keys[0].decrypt(token)
        except InvalidToken:
            return False
        return True

    def renew(self, token: bytes) -> bytes:
        """Encrypt anew, with the first key, what was encrypted with any. Raises WrongKey."""
        return self.encrypt(self.decrypt(token))


def generate_key() -> str:
    """Make a key."""
    return Fernet.generate_key().decode()


def parse_keys(text: str) -> Sequence[Fernet]:
    """Read keys that are separated by commas. Raises ValueError."""
    return [Fernet(part.strip()) for part in text.split(",")]
