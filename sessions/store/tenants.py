"""Rows of tenants and their users, in the caller's transaction."""

from __future__ import annotations

from sqlalchemy import exists, select
from sqlalchemy.orm import Session as Transaction

from sessions.principals import Tenant, User
from sessions.store.models import TenantRow, UserRow


def is_name_taken(transaction: Transaction, name: str) -> bool:
    """Whether a tenant has that name, whatever the case of its letters."""
    taken = exists().where(TenantRow.name_key == _key(name))
    return bool(transaction.scalar(select(taken)))


def add_tenant(transaction: Transaction, tenant: Tenant) -> None:
    """Insert a tenant."""
    transaction.add(
        TenantRow(
            id=tenant.id,
            name=tenant.name,
            name_key=_key(tenant.name),
            created_at=tenant.created_at,
            updated_at=tenant.updated_at,
        )
    )
    transaction.flush()


def add_user(transaction: Transaction, user: User) -> None:
    """Insert a user."""
    transaction.add(
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


def _key(text: str) -> str:
    return text.casefold()
