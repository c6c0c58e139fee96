"""Entries of devices' event logs, in the caller's transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, delete, func, insert, select
from sqlalchemy.orm import Session as Transaction

from sessions.store.models import Base, DeviceRow, EventRow


@dataclass(frozen=True, slots=True)
class LogEntry:
    """Something that happened to a device. `at` is Unix milliseconds; `sequence` has no gaps."""

    id: str
    event: str
    at: int
    device_id: str
    user_id: str
    data: Mapping[str, Any]
    sequence: int


def append(transaction: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert entries: each has the columns of the table, its `data` as JSON text."""
    if rows:
        transaction.execute(insert(Base.metadata.tables["events"]), rows)


def oldest(transaction: Transaction, device_id: str) -> int | None:
    """Return the sequence of the oldest entry of a device that is kept."""
    query = select(func.min(EventRow.sequence)).where(EventRow.device_id == device_id)
    return transaction.scalar(query)


def after(
    transaction: Transaction,
    device_id: str,
    sequence: int,
    *,
    types: Sequence[str],
    limit: int,
) -> list[LogEntry]:
    """List the entries behind a sequence, of some types or (without) of all."""
    query = _of_device(device_id).where(EventRow.sequence > sequence).limit(limit)
    if types:
        query = query.where(EventRow.type.in_(types))
    return _fetch(transaction, query)


def with_sequences(
    transaction: Transaction, device_id: str, sequences: Sequence[int]
) -> list[LogEntry]:
    """List the entries that have these sequences, in order, as far as they are kept."""
    if not sequences:
        return []
    return _fetch(transaction, _of_device(device_id).where(EventRow.sequence.in_(sequences)))


def count_after(
    transaction: Transaction, device_id: str, sequence: int, *, types: Sequence[str]
) -> int:
    """Count the entries behind a sequence, of some types or (without) of all."""
    query = select(func.count()).where(
        EventRow.device_id == device_id, EventRow.sequence > sequence
    )
    if types:
        query = query.where(EventRow.type.in_(types))
    return transaction.scalar(query) or 0


def remove_before(transaction: Transaction, moment: int) -> None:
    """Delete entries from before a time, from the beginning of each log; the newest one stays."""
    devices = select(EventRow.device_id).where(EventRow.at < moment).distinct()
    for device_id in transaction.scalars(devices).all():
        of_device = EventRow.device_id == device_id
        kept = select(func.min(EventRow.sequence)).where(of_device, EventRow.at >= moment)
        newest = select(func.max(EventRow.sequence)).where(of_device)
        first = transaction.scalar(kept) or transaction.scalar(newest)
        transaction.execute(delete(EventRow).where(of_device, EventRow.sequence < first))


def _of_device(device_id: str) -> Select[Any]:
    return (
        select(EventRow.id, EventRow.type, EventRow.at, EventRow.data, EventRow.sequence)
        .add_columns(EventRow.device_id, DeviceRow.user_id)
        .join(DeviceRow, DeviceRow.id == EventRow.device_id)
        .where(EventRow.device_id == device_id)
        .order_by(EventRow.sequence)
    )


def _fetch(transaction: Transaction, query: Select[Any]) -> list[LogEntry]:
    return [
        LogEntry(row[0], row[1], row[2], row[5], row[6], json.loads(row[3]), row[4])
        for row in transaction.execute(query)
    ]
