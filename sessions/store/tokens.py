"""Rows of tokens, in the caller's transaction.

A user's first token has no name; those that he makes besides have one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session as Transaction

from sessions.paging import Page, PageRequest
from sessions.principals import Principal, Role, Scope, Token
from sessions.store.models import TokenRow, UserRow
from sessions.store.paging import fetch_oldest_first


@dataclass(frozen=True, slots=True)
class FoundToken:
    """A token that was found, and whom it stands for."""

    digest: bytes
    principal: Principal


def add(transaction: Transaction, token: Token, digest: bytes) -> None:
    """Insert a token, known by the SHA-256 of its text."""
    transaction.add(
        TokenRow(
            id=token.id,
            user_id=token.user_id,
            digest=digest,
            hint=token.hint,
            name=token.name,
            scopes=None if token.scopes is None else " ".join(token.scopes),
            expires_at=token.expires_at,
            created_at=token.created_at,
        )
    )
    transaction.flush()


def find(transaction: Transaction, digest: bytes) -> FoundToken | None:
    """Find the token of an active user by its digest, also when it has expired."""
    query = (
        select(
            TokenRow.id,
            TokenRow.digest,
            TokenRow.scopes,
            TokenRow.expires_at,
            UserRow.id,
            UserRow.tenant_id,
            UserRow.role,
        )
        .join(UserRow, TokenRow.user_id == UserRow.id)
        .where(TokenRow.digest == digest, UserRow.active)
    )
    found = transaction.execute(query).one_or_none()
    if found is None:
        return None
    token_id, stored, scopes, expires_at, user_id, tenant_id, role = found
    principal = Principal(
        tenant_id=tenant_id,
        user_id=user_id,
        role=Role(role),
        token_id=token_id,
        scopes=None if scopes is None else frozenset(_read_scopes(scopes)),
        expires_at=expires_at,
    )
    return FoundToken(stored, principal)


def of_user(transaction: Transaction, user_id: str, page: PageRequest) -> Page[Token]:
    """List a page of the tokens that a user has made, oldest first."""
    query = select(TokenRow).where(TokenRow.user_id == user_id, TokenRow.name.is_not(None))
    return fetch_oldest_first(transaction, query, model=TokenRow, page=page, convert=_to_token)


def count_of_user(transaction: Transaction, user_id: str) -> int:
    """Count the tokens that a user has made."""
    query = select(func.count()).where(TokenRow.user_id == user_id, TokenRow.name.is_not(None))
    return transaction.scalars(query).one()


def remove(transaction: Transaction, user_id: str, token_id: str) -> bool:
    """Delete a token that a user has made; returns whether there was one."""
    own = (TokenRow.id == token_id, TokenRow.user_id == user_id, TokenRow.name.is_not(None))
    found = transaction.scalars(select(TokenRow).where(*own)).one_or_none()
    if found is not None:
        transaction.delete(found)
    return found is not None


def remove_first(transaction: Transaction, user_id: str) -> None:
    """Delete a user's first token."""
    first = (TokenRow.user_id == user_id, TokenRow.name.is_(None))
    transaction.execute(delete(TokenRow).where(*first))


def remove_expired(transaction: Transaction, user_id: str, now: datetime) -> None:
    """Delete what has expired of a user's tokens."""
    expired = (TokenRow.user_id == user_id, TokenRow.expires_at <= now)
    transaction.execute(delete(TokenRow).where(*expired))


def _read_scopes(text: str) -> tuple[Scope, ...]:
    return tuple(Scope(word) for word in text.split())


def _to_token(row: TokenRow) -> Token:
    return Token(
        id=row.id,
        user_id=row.user_id,
        hint=row.hint,
        created_at=row.created_at,
        name=row.name,
        scopes=None if row.scopes is None else _read_scopes(row.scopes),
        expires_at=row.expires_at,
    )
