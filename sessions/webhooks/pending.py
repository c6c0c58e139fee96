"""A webhook that waits for its device: it is the next one's that its user links."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy.orm import Session as Transaction

from sessions.states import Device
from sessions.store import webhooks as rows
from sessions.webhooks.values import Queue, Webhook


def apply_pending(transaction: Transaction, device: Device, *, sequence: int, at: datetime) -> None:
    """Give a device that is linked now the webhook that its user has pending, if it has none.

    It gets every event behind the sequence.
    """
    url = rows.find_pending(transaction, device.user_id)
    if url is None or rows.find(transaction, device.id) is not None:
        return
    rows.put_pending(transaction, device.user_id, None)
    rows.put(transaction, build_webhook(device.id, url, events=None, at=at))
    rows.put_queue(transaction, device.id, Queue(sequence))


def build_webhook(
    device_id: str, url: str, *, events: tuple[str, ...] | None, at: datetime
) -> Webhook:
    """Return a new webhook, with what is usual."""
    return Webhook(
        id=str(uuid.uuid4()),
        device_id=device_id,
        url=url,
        events=events,
        created_at=at,
        updated_at=at,
    )
