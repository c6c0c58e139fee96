"""The tables of webhooks and their deliveries."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from sessions.store.models.base import Base


class WebhookRow(Base):
    """Where the events of a device go. `events` are separated by spaces; NULL: every one.

    What is secret is encrypted: the secrets, and in `headers` (JSON) each value.
    """

    __tablename__ = "webhooks"

    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id"), primary_key=True)
    id: Mapped[str] = mapped_column(String(36))
    url: Mapped[str] = mapped_column(Text)
    events: Mapped[str | None] = mapped_column(Text)
    enabled: Mapped[bool]
    retry_attempts: Mapped[int]
    timeout: Mapped[int]
    secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    old_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    old_secret_until: Mapped[datetime | None]
    headers: Mapped[str] = mapped_column(Text)
    disabled_reason: Mapped[str | None] = mapped_column(String(64))
    disabled_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class WebhookQueueRow(Base):
    """How far the delivery of a device's event log has come.

    `position` is the sequence of the last event that is settled; the columns of attempts are about
    the one behind it.
    """

    __tablename__ = "webhook_queues"

    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id"), primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger)
    attempts: Mapped[int]
    next_at: Mapped[datetime | None]
    failing_since: Mapped[datetime | None]
    is_exhausted: Mapped[bool]


class DeliveryRow(Base):
    """An event that was sent to its receiver at least once; `id` is the event's."""

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("device_id", "id"),
        Index("deliveries_of_device", "device_id", "number"),
    )

    number: Mapped[int] = mapped_column(primary_key=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id"))
    id: Mapped[str] = mapped_column(String(36))
    event: Mapped[str] = mapped_column(String(64))
    sequence: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int]
    attempted_at: Mapped[datetime] = mapped_column(index=True)
    duration_ms: Mapped[int]
    http_status: Mapped[int | None]
    failure: Mapped[str | None] = mapped_column(String(32))


class PendingWebhookRow(Base):
    """Where the events of the next device go that its user links."""

    __tablename__ = "pending_webhooks"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    url: Mapped[str] = mapped_column(Text)
