"""Rows of deliveries, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.orm import Session as Transaction

from sessions.paging import Page, PageRequest
from sessions.store.models import Base, DeliveryRow
from sessions.webhooks.values import Delivery, DeliveryStatus, Failure, Outcome

_CHANGED = ("status", "attempts", "attempted_at", "duration_ms", "http_status", "failure")


def page_of_device(
    transaction: Transaction,
    device_id: str,
    page: PageRequest,
    *,
    status: DeliveryStatus | None,
    event: str | None,
) -> Page[Delivery]:
    """List a page of a device's deliveries, the one that was begun last first."""
    query = select(DeliveryRow).where(DeliveryRow.device_id == device_id)
    if status is not None:
        query = query.where(DeliveryRow.status == status)
    if event is not None:
        query = query.where(DeliveryRow.event == event)
    if page.after is not None:
        query = query.where(DeliveryRow.number < page.after[0])
    ordered = query.order_by(DeliveryRow.number.desc()).limit(page.limit + 1)
    rows = list(transaction.scalars(ordered))
    shown = [_to_delivery(row) for row in rows[: page.limit]]
    is_last = len(rows) == len(shown)
    return Page(shown, None if is_last else (rows[len(shown) - 1].number, ""))


def find(transaction: Transaction, device_id: str, delivery_id: str) -> Delivery | None:
    """Find a delivery of a device."""
    query = select(DeliveryRow).where(
        DeliveryRow.device_id == device_id, DeliveryRow.id == delivery_id
    )
    row = transaction.scalar(query)
    return None if row is None else _to_delivery(row)


def record(transaction: Transaction, device_id: str, deliveries: Sequence[Delivery]) -> None:
    """Note what became of events that were sent; attempts are added to those from before."""
    if not deliveries:
        return
    statement = upsert(Base.metadata.tables["deliveries"])
    again: dict[str, Any] = {name: statement.excluded[name] for name in _CHANGED}
    again["attempts"] = DeliveryRow.attempts + statement.excluded.attempts
    rows = [
        {
            "device_id": device_id,
            "id": delivery.id,
            "event": delivery.event,
            "sequence": delivery.sequence,
            "status": delivery.status,
            "attempts": delivery.attempts,
            "attempted_at": delivery.attempted_at,
            "duration_ms": delivery.outcome.duration_ms,
            "http_status": delivery.outcome.http_status,
            "failure": delivery.outcome.failure,
        }
        for delivery in deliveries
    ]
    transaction.execute(
        statement.on_conflict_do_update(index_elements=["device_id", "id"], set_=again), rows
    )


def set_queued(transaction: Transaction, device_id: str, delivery_id: str) -> None:
    """Note that a delivery is to be sent again."""
    wanted = (DeliveryRow.device_id == device_id, DeliveryRow.id == delivery_id)
    transaction.execute(update(DeliveryRow).where(*wanted).values(status=DeliveryStatus.QUEUED))


def queued(transaction: Transaction, device_id: str, *, most: int) -> list[int]:
    """Return the sequences of a device's deliveries that are to be sent again, in order."""
    wanted = (DeliveryRow.device_id == device_id, DeliveryRow.status == DeliveryStatus.QUEUED)
    query = select(DeliveryRow.sequence).where(*wanted).order_by(DeliveryRow.sequence).limit(most)
    return list(transaction.scalars(query))


def remove_before(transaction: Transaction, moment: datetime) -> None:
    """Forget deliveries whose last attempt was before a time."""
    transaction.execute(delete(DeliveryRow).where(DeliveryRow.attempted_at < moment))


def _to_delivery(row: DeliveryRow) -> Delivery:
    return Delivery(
        id=row.id,
        event=row.event,
        sequence=row.sequence,
        status=DeliveryStatus(row.status),
        attempts=row.attempts,
        attempted_at=row.attempted_at,
        outcome=Outcome(
            row.duration_ms, row.http_status, None if row.failure is None else Failure(row.failure)
        ),
    )
