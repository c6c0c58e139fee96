"""Rows of tenants, in the caller's transaction."""

from __future__ import annotations

from sqlalchemy import exists, select
from sqlalchemy.orm import Session as Transaction

from sessions.paging import Page, PageRequest
from sessions.principals import Tenant
from sessions.store.models import TenantRow
from sessions.store.paging import fetch_oldest_first


def add(transaction: Transaction, tenant: Tenant) -> None:
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


def find(transaction: Transaction, tenant_id: str) -> Tenant | None:
    """Find a tenant."""
    row = transaction.get(TenantRow, tenant_id)
    return None if row is None else _to_tenant(row)


def all_tenants(transaction: Transaction, page: PageRequest) -> Page[Tenant]:
    """List a page of the tenants, oldest first."""
    return fetch_oldest_first(
        transaction, select(TenantRow), model=TenantRow, page=page, convert=_to_tenant
    )


def is_name_taken(transaction: Transaction, name: str) -> bool:
    """Whether a tenant has that name, whatever the case of its letters."""
    taken = exists().where(TenantRow.name_key == _key(name))
    return bool(transaction.scalar(select(taken)))


def _key(text: str) -> str:
    return text.casefold()


def _to_tenant(row: TenantRow) -> Tenant:
    return Tenant(row.id, row.name, created_at=row.created_at, updated_at=row.updated_at)
