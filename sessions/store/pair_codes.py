"""Rows of codes that were asked for, to be typed into phones, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session as Transaction

from sessions.store.models import PairCodeRow


def add(transaction: Transaction, *, phone: str, tenant_id: str, at: datetime) -> int:
    """Note that a code was asked for; returns the row's number."""
    row = PairCodeRow(phone=phone, tenant_id=tenant_id, made_at=at)
    transaction.add(row)
    transaction.flush()
    return row.number


def remove(transaction: Transaction, number: int) -> None:
    """Forget a code that was not asked for after all."""
    transaction.execute(delete(PairCodeRow).where(PairCodeRow.number == number))


def times_of_phone(transaction: Transaction, phone: str, since: datetime) -> Sequence[datetime]:
    """List when codes for a number were asked for after a time, the oldest first."""
    return _times(transaction, PairCodeRow.phone == phone, since)


def times_of_tenant(
    transaction: Transaction, tenant_id: str, since: datetime
) -> Sequence[datetime]:
    """List when a tenant asked for codes after a time, the oldest first."""
    return _times(transaction, PairCodeRow.tenant_id == tenant_id, since)


def remove_before(transaction: Transaction, at: datetime) -> None:
    """Forget what is older."""
    transaction.execute(delete(PairCodeRow).where(PairCodeRow.made_at < at))


def _times(
    transaction: Transaction, which: ColumnElement[bool], since: datetime
) -> Sequence[datetime]:
    query = select(PairCodeRow.made_at).where(which, PairCodeRow.made_at > since)
    return transaction.scalars(query.order_by(PairCodeRow.made_at)).all()
