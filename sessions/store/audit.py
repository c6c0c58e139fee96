"""Rows of the audit log, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session as Transaction

from sessions.paging import Page, PageRequest
from sessions.store.models import AuditRow, Base


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what, when, with which outcome. Without a user it was the platform's owner.

    `outcome` is "success" or an error code. `device_id` is the device that was acted on,
    `target_id` whatever else was.
    """

    at: datetime
    action: str
    outcome: str
    request_id: str
    tenant_id: str | None = None
    user_id: str | None = None
    token_id: str | None = None
    device_id: str | None = None
    target_id: str | None = None


_NAMES = tuple(field.name for field in fields(AuditEntry))
_INSERT = insert(Base.metadata.tables["audit"])


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """An entry that is kept; ids rise with time."""

    id: int
    entry: AuditEntry


def add(transaction: Transaction, entries: Sequence[AuditEntry]) -> None:
    """Insert entries in order."""
    rows = [{name: getattr(entry, name) for name in _NAMES} for entry in entries]
    transaction.execute(_INSERT, rows)


def of_tenant(transaction: Transaction, tenant_id: str, page: PageRequest) -> Page[AuditRecord]:
    """List a page of a tenant's entries, newest first."""
    query = select(AuditRow).where(AuditRow.tenant_id == tenant_id)
    if page.after is not None:
        query = query.where(AuditRow.id < page.after[0])
    ordered = query.order_by(AuditRow.id.desc()).limit(page.limit + 1)
    records = [_to_record(row) for row in transaction.scalars(ordered)]
    shown = records[: page.limit]
    return Page(shown, (shown[-1].id, "") if len(records) > len(shown) else None)


def remove_before(transaction: Transaction, moment: datetime, *, most: int) -> int:
    """Delete entries from before a moment, the oldest first; returns how many there were."""
    old = select(AuditRow.id).where(AuditRow.at < moment).order_by(AuditRow.at).limit(most)
    ids = list(transaction.scalars(old))
    if ids:
        transaction.execute(delete(AuditRow).where(AuditRow.id.in_(old.scalar_subquery())))
    return len(ids)


def _to_record(row: AuditRow) -> AuditRecord:
    entry = AuditEntry(
        at=row.at,
        action=row.action,
        outcome=row.outcome,
        request_id=row.request_id,
        tenant_id=row.tenant_id,
        user_id=row.user_id,
        token_id=row.token_id,
        device_id=row.device_id,
        target_id=row.target_id,
    )
    return AuditRecord(row.id, entry)
