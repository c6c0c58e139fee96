"""Rows of webhooks and of how far each has come, in the caller's transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import case, delete, exists, func, or_, select
from sqlalchemy.orm import Session as Transaction

from sessions.store.models import (
    DeliveryRow,
    DeviceRow,
    EventRow,
    MirrorRow,
    PendingWebhookRow,
    WebhookQueueRow,
    WebhookRow,
)
from sessions.webhooks.values import DeliveryStatus, Queue, Webhook, WebhookStatus


@dataclass(frozen=True, slots=True)
class EnabledWebhook:
    """A device with a webhook: whether something is to be sent, and not before when.

    `is_failing`: nothing was taken when that was tried last.
    """

    device_id: str
    tenant_id: str
    has_work: bool
    next_at: datetime | None
    is_failing: bool


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many events are to be sent, and the time (Unix milliseconds) of the oldest one."""

    events: int
    oldest_at: int | None


def find(transaction: Transaction, device_id: str) -> Webhook | None:
    """Find the webhook of a device."""
    row = transaction.get(WebhookRow, device_id)
    return None if row is None else _to_webhook(row)


def every(transaction: Transaction) -> list[Webhook]:
    """List all webhooks."""
    return [_to_webhook(row) for row in transaction.scalars(select(WebhookRow))]


def put(transaction: Transaction, webhook: Webhook) -> None:
    """Insert a webhook, or overwrite the one that its device has."""
    members = asdict(webhook)
    members["events"] = None if webhook.events is None else " ".join(webhook.events)
    members["headers"] = json.dumps(dict(webhook.headers))
    transaction.merge(WebhookRow(**members))
    transaction.flush()


def remove(transaction: Transaction, device_id: str) -> bool:
    """Delete the webhook of a device with its deliveries; returns whether there was one."""
    row = transaction.get(WebhookRow, device_id)
    if row is None:
        return False
    for table in (WebhookQueueRow, DeliveryRow):
        transaction.execute(delete(table).where(table.device_id == device_id))
    transaction.delete(row)
    return True


def urls_of(transaction: Transaction, device_ids: Iterable[str]) -> Mapping[str, str]:
    """Return where the events of devices go, by device."""
    query = select(WebhookRow.device_id, WebhookRow.url)
    wanted = query.where(WebhookRow.device_id.in_(list(device_ids)))
    return {row[0]: row[1] for row in transaction.execute(wanted)}


def enabled(transaction: Transaction) -> list[EnabledWebhook]:
    """List every webhook that is enabled."""
    queue, newest = WebhookQueueRow, func.coalesce(MirrorRow.sequence, 0)
    is_asked = exists().where(
        DeliveryRow.device_id == queue.device_id, DeliveryRow.status == DeliveryStatus.QUEUED
    )
    has_work = or_(newest > queue.position, is_asked)
    query = (
        select(queue.device_id, DeviceRow.tenant_id, has_work, queue.next_at, queue.failing_since)
        .join(WebhookRow, WebhookRow.device_id == queue.device_id)
        .join(DeviceRow, DeviceRow.id == queue.device_id)
        .outerjoin(MirrorRow, MirrorRow.device_id == queue.device_id)
        .where(WebhookRow.enabled)
    )
    return [
        EnabledWebhook(row[0], row[1], bool(row[2]), row[3], row[4] is not None)
        for row in transaction.execute(query)
    ]


def count_by_status(transaction: Transaction) -> Mapping[str, int]:
    """Count the webhooks of all tenants, by how they are."""
    status = case(
        (WebhookRow.enabled.is_(False), WebhookStatus.DISABLED),
        (WebhookQueueRow.failing_since.is_not(None), WebhookStatus.FAILING),
        else_=WebhookStatus.WELL,
    )
    query = (
        select(status, func.count())
        .outerjoin(WebhookQueueRow, WebhookQueueRow.device_id == WebhookRow.device_id)
        .group_by(status)
    )
    found = {row[0]: row[1] for row in transaction.execute(query)}
    return {one.value: found.get(one.value, 0) for one in WebhookStatus}


def find_queue(transaction: Transaction, device_id: str) -> Queue | None:
    """Return how far the delivery of a device's events has come."""
    row = transaction.get(WebhookQueueRow, device_id)
    if row is None:
        return None
    return Queue(row.position, row.attempts, row.next_at, row.failing_since, row.is_exhausted)


def put_queue(transaction: Transaction, device_id: str, queue: Queue) -> None:
    """Note how far the delivery of a device's events has come."""
    transaction.merge(WebhookQueueRow(device_id=device_id, **asdict(queue)))


def backlog(transaction: Transaction, device_ids: Iterable[str]) -> Backlog:
    """Return what is still to be sent of some devices' events."""
    query = (
        select(func.count(), func.min(EventRow.at))
        .join(WebhookQueueRow, WebhookQueueRow.device_id == EventRow.device_id)
        .where(
            EventRow.device_id.in_(list(device_ids)), EventRow.sequence > WebhookQueueRow.position
        )
    )
    row = transaction.execute(query).one()
    return Backlog(row[0], row[1])


def put_pending(transaction: Transaction, user_id: str, url: str | None) -> None:
    """Note where the events of the user's next device go; None: nowhere."""
    transaction.execute(delete(PendingWebhookRow).where(PendingWebhookRow.user_id == user_id))
    if url is not None:
        transaction.add(PendingWebhookRow(user_id=user_id, url=url))


def find_pending(transaction: Transaction, user_id: str) -> str | None:
    """Return where the events of the user's next device go."""
    row = transaction.get(PendingWebhookRow, user_id)
    return None if row is None else row.url


def _to_webhook(row: WebhookRow) -> Webhook:
    return Webhook(
        id=row.id,
        device_id=row.device_id,
        url=row.url,
        events=None if row.events is None else tuple(row.events.split()),
        created_at=row.created_at,
        updated_at=row.updated_at,
        enabled=row.enabled,
        retry_attempts=row.retry_attempts,
        timeout=row.timeout,
        secret=row.secret,
        old_secret=row.old_secret,
        old_secret_until=row.old_secret_until,
        headers=json.loads(row.headers),
        disabled_reason=row.disabled_reason,
        disabled_at=row.disabled_at,
    )
