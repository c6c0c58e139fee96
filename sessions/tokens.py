"""Tokens: the secrets that users present. Only their SHA-256 is kept."""

from __future__ import annotations

import hashlib
import hmac
import re
import uuid
from dataclasses import dataclass, field
from datetime import datetime

from sessions.errors import Unauthorized
from sessions.principals import Principal
from sessions.store import tokens as rows
from sessions.store.database import Database

# The canonical text of a UUID version 4, in either case.
_TOKEN = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token as it is shown once, and as it is kept."""

    text: str = field(repr=False)
    stored: rows.StoredToken


class Tokens:
    """Finds out who presents a token."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def authenticate(self, text: str) -> Principal:
        """Return whose token it is. Raises Unauthorized."""
        token = text.lower()
        if not _TOKEN.fullmatch(token):
            raise Unauthorized
        digest = _digest(token)
        with self._database.read() as transaction:
            found = rows.find(transaction, digest)
        if found is None or not hmac.compare_digest(found.digest, digest):
            raise Unauthorized
        return found.principal


def make_token(user_id: str, now: datetime) -> NewToken:
    """Make a token for a user."""
    text = str(uuid.uuid4())
    stored = rows.StoredToken(
        id=str(uuid.uuid4()),
        user_id=user_id,
        digest=_digest(text),
        hint=text[-4:],
        created_at=now,
    )
    return NewToken(text, stored)


def _digest(token: str) -> bytes:
    # A token is random, so one round of SHA-256 without salt keeps it safe.
    return hashlib.sha256(token.encode("ascii")).digest()
