"""Erasing what belongs to a device, a user or a tenant, in the caller's transaction.

It goes through every table that names one, so that a table that comes later is not forgotten.
"""

from __future__ import annotations

from sqlalchemy import delete
from sqlalchemy.orm import Session as Transaction

from sessions.store.models import AuditRow, Base, DeviceRow, TenantRow, UserRow

# Who did what to a device or user is kept for as long as the tenant is there.
_KEPT = AuditRow.__tablename__


def erase_device(transaction: Transaction, device_id: str) -> None:
    """Delete a device and all that belongs to it."""
    _erase_named(transaction, "device_id", device_id, kept=_KEPT)
    transaction.execute(delete(DeviceRow).where(DeviceRow.id == device_id))


def erase_user(transaction: Transaction, user_id: str) -> None:
    """Delete a user and all that belongs to him; his devices have to be gone before."""
    _erase_named(transaction, "user_id", user_id, kept=_KEPT)
    transaction.execute(delete(UserRow).where(UserRow.id == user_id))


def erase_tenant(transaction: Transaction, tenant_id: str) -> None:
    """Delete a tenant and all that belongs to it; its devices and users have to be gone before."""
    _erase_named(transaction, "tenant_id", tenant_id)
    transaction.execute(delete(TenantRow).where(TenantRow.id == tenant_id))


def _erase_named(
    transaction: Transaction, column: str, value: str, *, kept: str | None = None
) -> None:
    for table in reversed(Base.metadata.sorted_tables):
        if column in table.c and table.name != kept:
            transaction.execute(delete(table).where(table.c[column] == value))
