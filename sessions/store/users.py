"""Rows of users, in the caller's transaction."""

from __future__ import annotations

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session as Transaction

from sessions.paging import Page, PageRequest
from sessions.principals import Role, User
from sessions.store.models import UserRow
from sessions.store.paging import fetch_oldest_first


def put(transaction: Transaction, user: User) -> None:
    """Insert a user, or overwrite what was known of him."""
    transaction.merge(
        UserRow(
            id=user.id,
            tenant_id=user.tenant_id,
            email=user.email,
            email_key=_key(user.email),
            role=user.role,
            active=user.active,
            created_at=user.created_at,
            updated_at=user.updated_at,
        )
    )
    transaction.flush()


def find(transaction: Transaction, tenant_id: str, user_id: str) -> User | None:
    """Find a user of a tenant."""
    row = transaction.get(UserRow, user_id)
    return None if row is None or row.tenant_id != tenant_id else _to_user(row)


def of_tenant(transaction: Transaction, tenant_id: str, page: PageRequest) -> Page[User]:
    """List a page of the users of a tenant, oldest first."""
    query = select(UserRow).where(UserRow.tenant_id == tenant_id)
    return fetch_oldest_first(transaction, query, model=UserRow, page=page, convert=_to_user)


def ids_of_tenant(transaction: Transaction, tenant_id: str) -> list[str]:
    """List the ids of all users of a tenant."""
    return list(transaction.scalars(select(UserRow.id).where(UserRow.tenant_id == tenant_id)))


def is_email_taken(transaction: Transaction, user: User) -> bool:
    """Whether another user of the tenant has that address, whatever the case of its letters."""
    taken = exists().where(
        UserRow.tenant_id == user.tenant_id,
        UserRow.email_key == _key(user.email),
        UserRow.id != user.id,
    )
    return bool(transaction.scalar(select(taken)))


def active_admins(transaction: Transaction, tenant_id: str) -> list[User]:
    """List the active admins of a tenant, oldest first."""
    query = (
        select(UserRow)
        .where(UserRow.tenant_id == tenant_id, UserRow.role == Role.ADMIN, UserRow.active)
        .order_by(UserRow.created_at, UserRow.id)
    )
    return [_to_user(row) for row in transaction.scalars(query)]


def deactivate_all(transaction: Transaction, tenant_id: str) -> None:
    """Let no token of a tenant work any more."""
    transaction.execute(update(UserRow).where(UserRow.tenant_id == tenant_id).values(active=False))


def _key(text: str) -> str:
    return text.casefold()


def _to_user(row: UserRow) -> User:
    return User(
        id=row.id,
        tenant_id=row.tenant_id,
        email=row.email,
        role=Role(row.role),
        active=row.active,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
