"""Rows of tokens, in the caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session as Transaction

from sessions.principals import Principal, Role
from sessions.store.models import TokenRow, UserRow


@dataclass(frozen=True, slots=True)
class StoredToken:
    """What is kept of a token; `hint` is its last four characters."""

    id: str
    user_id: str
    digest: bytes
    hint: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class FoundToken:
    """A token that was found, and whom it stands for."""

    digest: bytes
    principal: Principal


def add(transaction: Transaction, token: StoredToken) -> None:
    """Insert a token."""
    transaction.add(
        TokenRow(
            id=token.id,
            user_id=token.user_id,
            digest=token.digest,
            hint=token.hint,
            created_at=token.created_at,
        )
    )
    transaction.flush()


def find(transaction: Transaction, digest: bytes) -> FoundToken | None:
    """Find the token of an active user by its digest."""
    query = (
        select(TokenRow.id, TokenRow.digest, UserRow.id, UserRow.tenant_id, UserRow.role)
        .join(UserRow, TokenRow.user_id == UserRow.id)
        .where(TokenRow.digest == digest, UserRow.active)
    )
    row = transaction.execute(query).one_or_none()
    if row is None:
        return None
    token_id, stored, user_id, tenant_id, role = row
    return FoundToken(stored, Principal(tenant_id, user_id, Role(role), token_id))
