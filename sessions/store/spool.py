"""How far the spooled events of each tenant are in this database, in the caller's transaction."""

from __future__ import annotations

from sqlalchemy.orm import Session as Transaction

from sessions.store.models import SpoolMarkRow


def advance(transaction: Transaction, tenant_id: str, spool_id: int) -> bool:
    """Move a tenant's mark to an event; returns False when the event was here before."""
    row = transaction.get(SpoolMarkRow, tenant_id)
    if row is None:
        transaction.add(SpoolMarkRow(tenant_id=tenant_id, spool_id=spool_id))
        return True
    if spool_id <= row.spool_id:
        return False
    row.spool_id = spool_id
    return True
