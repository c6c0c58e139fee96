"""Tokens: the secrets that users present. Only their SHA-256 is kept."""

from __future__ import annotations

import hashlib
import hmac
import re
import uuid
from datetime import datetime

from sqlalchemy.orm import Session as Transaction

from sessions.errors import InvalidInput, Problem, QuotaExceeded, TokenNotFound, Unauthorized
from sessions.paging import Page, PageRequest
from sessions.principals import IssuedToken, Principal, Scope, Token
from sessions.recent import Recent
from sessions.store import tokens as rows
from sessions.store import users as user_rows
from sessions.store.database import Database
from sessions.times import WallClock

# The canonical text of a UUID version 4, in either case.
_TOKEN = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_MOST = 20


class Tokens:
    """Finds out who presents a token, and keeps the tokens that users make for themselves."""

    def __init__(self, database: Database, now: WallClock) -> None:
        self._database = database
        self._now = now
        self._recent: Recent[bytes, rows.FoundToken] = Recent(lambda: database.membership)

    def authenticate(self, text: str) -> Principal:
        """Return whose token it is. Raises Unauthorized."""
        token = text.lower()
        if not _TOKEN.fullmatch(token):
            raise Unauthorized
        digest = _digest(token)
        found = self._recent.get(digest, lambda: self._find(digest))
        expires_at = found.principal.expires_at
        if expires_at is not None and expires_at <= self._now():
            raise Unauthorized
        return found.principal

    def _find(self, digest: bytes) -> rows.FoundToken:
        with self._database.read() as transaction:
            found = rows.find(transaction, digest)
        if found is None or not hmac.compare_digest(found.digest, digest):
            raise Unauthorized
        return found

    def create(
        self,
        principal: Principal,
        name: str,
        *,
        scopes: frozenset[Scope] | None,
        expires_at: datetime | None,
    ) -> IssuedToken:
        """Make a further token for the caller. It never outlives the one that he presents.

        Raises InvalidInput, QuotaExceeded.
        """
        now = self._now()
        until = _limit_expiry(principal, expires_at, now)
        with self._database.write() as transaction:
            require_active(transaction, principal)
            rows.remove_expired(transaction, principal.user_id, now)
            if rows.count_of_user(transaction, principal.user_id) >= _MOST:
                raise QuotaExceeded(f"a user has at most {_MOST} tokens of his own making")
            return issue(
                transaction, principal.user_id, now=now, name=name, scopes=scopes, until=until
            )

    def list(self, principal: Principal, page: PageRequest) -> Page[Token]:
        """List the tokens that the caller has made."""
        with self._database.read() as transaction:
            return rows.of_user(transaction, principal.user_id, page)

    def revoke(self, principal: Principal, token_id: str) -> None:
        """Delete a token that the caller has made. Raises TokenNotFound."""
        with self._database.write() as transaction:
            if not rows.remove(transaction, principal.user_id, token_id.lower()):
                raise TokenNotFound


def issue(  # noqa: PLR0913 - one name for each property of a token
    transaction: Transaction,
    user_id: str,
    *,
    now: datetime,
    name: str | None = None,
    scopes: frozenset[Scope] | None = None,
    until: datetime | None = None,
) -> IssuedToken:
    """Make a token for a user, and keep what is needed to know it again."""
    text = str(uuid.uuid4())
    token = Token(
        id=str(uuid.uuid4()),
        user_id=user_id,
        hint=text[-4:],
        created_at=now,
        name=name,
        scopes=None if scopes is None else tuple(sorted(scopes)),
        expires_at=until,
    )
    rows.add(transaction, token, _digest(text))
    return IssuedToken(token, text)


def reissue_first(transaction: Transaction, user_id: str, *, now: datetime) -> IssuedToken:
    """Replace a user's first token; the old one is worth nothing from now on."""
    rows.remove_first(transaction, user_id)
    return issue(transaction, user_id, now=now)


def require_active(transaction: Transaction, principal: Principal) -> None:
    """Make sure that the caller was not put out since he was let in. Raises Unauthorized."""
    user = user_rows.find(transaction, principal.tenant_id, principal.user_id)
    if user is None or not user.active:
        raise Unauthorized


def _limit_expiry(
    principal: Principal, expires_at: datetime | None, now: datetime
) -> datetime | None:
    if expires_at is None:
        return principal.expires_at
    if expires_at <= now:
        raise InvalidInput([Problem("expires_at", "Must be in the future.")])
    if principal.expires_at is not None and expires_at > principal.expires_at:
        raise InvalidInput([Problem("expires_at", "Must not be after that of your own token.")])
    return expires_at


def _digest(token: str) -> bytes:
    # A token is random, so one round of SHA-256 without salt keeps it safe.
    return hashlib.sha256(token.encode("ascii")).digest()
