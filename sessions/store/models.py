"""The tables. A change here needs a migration in `migrations/versions`; a test compares the two."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from sessions.times import from_milliseconds, to_milliseconds


class UnixMilliseconds(TypeDecorator[datetime]):
    """A column of times."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> int | None:  # noqa: ARG002
        """Store an aware datetime."""
        return None if value is None else to_milliseconds(value)

    def process_result_value(self, value: int | None, dialect: Any) -> datetime | None:  # noqa: ARG002
        """Load an aware datetime."""
        return None if value is None else from_milliseconds(value)


class Base(DeclarativeBase):
    """What the tables have in common."""

    type_annotation_map = {datetime: UnixMilliseconds}  # noqa: RUF012 - SQLAlchemy's own declaration


class TenantRow(Base):
    """A tenant. `name_key` is its name as it is compared."""

    __tablename__ = "tenants"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    name_key: Mapped[str] = mapped_column(String(600), unique=True)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class UserRow(Base):
    """A user of a tenant. `email_key` is the address as it is compared."""

    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("tenant_id", "email_key"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    email: Mapped[str] = mapped_column(String(320))
    email_key: Mapped[str] = mapped_column(String(960))
    role: Mapped[str] = mapped_column(String(16))
    active: Mapped[bool]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class TokenRow(Base):
    """A token, as its SHA-256; `hint` is its last four characters.

    A user's first token has no name. `scopes` are separated by spaces; without them it may all.
    """

    __tablename__ = "tokens"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    hint: Mapped[str] = mapped_column(String(4))
    name: Mapped[str | None] = mapped_column(String(100))
    scopes: Mapped[str | None] = mapped_column(String(300))
    expires_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class DeviceRow(Base):
    """A device. `revision` rises with every change of what is observed (status to banned_until)."""

    __tablename__ = "devices"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"), index=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    desired: Mapped[str] = mapped_column(String(16), index=True)
    revision: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[str] = mapped_column(String(32))
    reason: Mapped[str | None] = mapped_column(String(200))
    jid: Mapped[str | None] = mapped_column(String(80))
    lid: Mapped[str | None] = mapped_column(String(80))
    push_name: Mapped[str | None] = mapped_column(String(200))
    app_state: Mapped[str | None] = mapped_column(String(32))
    last_seen_at: Mapped[datetime | None]
    banned_until: Mapped[datetime | None]
    unarchive_chats: Mapped[bool | None]
    lid_migrated: Mapped[bool | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class CollectionRow(Base):
    """The state of one app-state collection of a device."""

    __tablename__ = "collections"

    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    state: Mapped[str] = mapped_column(String(32))
    version: Mapped[int] = mapped_column(BigInteger)


class SpoolMarkRow(Base):
    """The newest spooled event of a tenant whose effects are in this database.

    No foreign key: a spool can outlive its tenant.
    """

    __tablename__ = "spool_marks"

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    spool_id: Mapped[int] = mapped_column(BigInteger)


class AuditRow(Base):
    """Who did what, when, with which outcome: ids only.

    No foreign keys: what is recorded outlives the user or device that it names.
    """

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    tenant_id: Mapped[str | None] = mapped_column(String(36), index=True)
    user_id: Mapped[str | None] = mapped_column(String(36))
    token_id: Mapped[str | None] = mapped_column(String(36))
    action: Mapped[str] = mapped_column(String(64))
    device_id: Mapped[str | None] = mapped_column(String(36))
    target_id: Mapped[str | None] = mapped_column(String(36))
    outcome: Mapped[str] = mapped_column(String(64))
    request_id: Mapped[str] = mapped_column(String(64))


class IdempotencyRow(Base):
    """A request with an idempotency key, and its answer once it has succeeded.

    No foreign keys: `user_id` is `master` for the platform's owner.
    """

    __tablename__ = "idempotency_keys"

    user_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    tenant_id: Mapped[str | None] = mapped_column(String(36))
    device_id: Mapped[str | None] = mapped_column(String(36))
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary(32))
    expires_at: Mapped[datetime] = mapped_column(index=True)
    status: Mapped[int | None]
    body: Mapped[bytes | None] = mapped_column(LargeBinary)


class PairCodeRow(Base):
    """A code to be typed into the phone with that number was asked for. The code is not kept.

    No foreign key: a request may come to its end after its tenant was erased.
    """

    __tablename__ = "pair_codes"

    number: Mapped[int] = mapped_column(primary_key=True)
    phone: Mapped[str] = mapped_column(String(15), index=True)
    tenant_id: Mapped[str] = mapped_column(String(36), index=True)
    made_at: Mapped[datetime]


class MirrorRow(Base):
    """What is known of a device's account as a whole, and where its lists and its log stand.

    `account` is the JID that was linked last. `sequence` is that of the newest event; `revision`
    rises with every change of the order of chats. `epoch` rises when a backup is restored.
    """

    __tablename__ = "mirrors"

    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id"), primary_key=True)
    account: Mapped[str | None] = mapped_column(String(80))
    epoch: Mapped[int] = mapped_column(BigInteger)
    sequence: Mapped[int] = mapped_column(BigInteger)
    revision: Mapped[int] = mapped_column(BigInteger)
    has_history: Mapped[bool]


class MirroredCollectionRow(Base):
    """The version of a collection that the chats reflect.

    `is_stale`: something may be missing, until the collection was read anew.
    """

    __tablename__ = "mirrored_collections"

    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    is_stale: Mapped[bool]


class ChatRow(Base):
    """A person or group of an account. Times are Unix milliseconds; NULL is unknown.

    `jid` is the number's if that is known, else the LID. `muted_until` is -1 for ever, 0 not muted.
    The times of settings are set when app state said so, and NULL for what the history said.
    The columns from `listed` on are derived from the others.
    """

    __tablename__ = "chats"
    __table_args__ = (
        UniqueConstraint("device_id", "jid"),
        UniqueConstraint("device_id", "lid"),
        Index("chats_in_order", "device_id", "order_pinned", "order_at", "sort_name", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id"))
    jid: Mapped[str] = mapped_column(String(80))
    lid: Mapped[str | None] = mapped_column(String(80))
    address: Mapped[str | None] = mapped_column(String(80))
    is_chat: Mapped[bool]
    is_member: Mapped[bool]
    contact_name: Mapped[str | None] = mapped_column(String(200))
    contact_name_at: Mapped[int | None] = mapped_column(BigInteger)
    business_name: Mapped[str | None] = mapped_column(String(200))
    subject: Mapped[str | None] = mapped_column(String(200))
    push_name: Mapped[str | None] = mapped_column(String(200))
    participant_count: Mapped[int | None]
    archived: Mapped[bool | None]
    archived_at: Mapped[int | None] = mapped_column(BigInteger)
    unarchived_at: Mapped[int | None] = mapped_column(BigInteger)
    pinned: Mapped[bool | None]
    pinned_at: Mapped[int | None] = mapped_column(BigInteger)
    muted_until: Mapped[int | None] = mapped_column(BigInteger)
    muted_until_at: Mapped[int | None] = mapped_column(BigInteger)
    read: Mapped[bool | None]
    read_at: Mapped[int | None] = mapped_column(BigInteger)
    last_message_at: Mapped[int | None] = mapped_column(BigInteger)
    placed_revision: Mapped[int] = mapped_column(BigInteger)
    updated_at: Mapped[int] = mapped_column(BigInteger)
    listed: Mapped[bool]
    order_pinned: Mapped[int]
    order_at: Mapped[int] = mapped_column(BigInteger)
    sort_name: Mapped[str] = mapped_column(String(40))
    search: Mapped[str] = mapped_column(String(1000))


class PastPositionRow(Base):
    """Where a chat stood in the list before it moved, for lists that are being read in pages.

    It stood there from one revision of the list until before another.
    """

    __tablename__ = "past_positions"
    __table_args__ = (Index("past_positions_of_device", "device_id", "until_revision"),)

    chat_id: Mapped[int] = mapped_column(primary_key=True)
    until_revision: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id"))
    from_revision: Mapped[int] = mapped_column(BigInteger)
    moved_at: Mapped[int] = mapped_column(BigInteger, index=True)
    order_pinned: Mapped[int]
    order_at: Mapped[int] = mapped_column(BigInteger)
    sort_name: Mapped[str] = mapped_column(String(40))


class RemovedChatRow(Base):
    """A chat that was listed and is gone: merged with another one, or deleted."""

    __tablename__ = "removed_chats"

    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id"), primary_key=True)
    jid: Mapped[str] = mapped_column(String(80), primary_key=True)
    removed_at: Mapped[int] = mapped_column(BigInteger)


class PairRow(Base):
    """The number of a LID, as this device was told. Never shared between devices."""

    __tablename__ = "lid_pairs"
    __table_args__ = (UniqueConstraint("device_id", "pn"),)

    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id"), primary_key=True)
    lid: Mapped[str] = mapped_column(String(80), primary_key=True)
    pn: Mapped[str] = mapped_column(String(80))


class EventRow(Base):
    """An entry of a device's event log. `data` is JSON; `at` is Unix milliseconds."""

    __tablename__ = "events"

    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id"), primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    id: Mapped[str] = mapped_column(String(36))
    type: Mapped[str] = mapped_column(String(64))
    at: Mapped[int] = mapped_column(BigInteger, index=True)
    data: Mapped[str] = mapped_column(Text)


class CallRow(Base):
    """An incoming call. `caller` is who calls, without a device part; NULL is unknown.

    `stanza_from` and `creator` are as WhatsApp wrote them, for a reject has to repeat them.
    `noted_at` is when it was first heard of, `open_until` when it is given up unless more is heard,
    `due_at` when what is due (a reject, a reply) is tried next; `logged` names the events that it
    has in the log.
    """

    __tablename__ = "calls"
    __table_args__ = (Index("calls_in_order", "device_id", "noted_at", "call_id"),)

    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id"), primary_key=True)
    call_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    state: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str | None] = mapped_column(String(64))
    media: Mapped[str | None] = mapped_column(String(8))
    caller: Mapped[str] = mapped_column(String(80))
    number: Mapped[str | None] = mapped_column(String(80))
    lid: Mapped[str | None] = mapped_column(String(80))
    group_jid: Mapped[str | None] = mapped_column(String(80))
    stanza_from: Mapped[str] = mapped_column(String(80))
    creator: Mapped[str] = mapped_column(String(80))
    noted_at: Mapped[datetime]
    offered_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    replied_at: Mapped[datetime | None]
    open_until: Mapped[datetime | None] = mapped_column(index=True)
    due_at: Mapped[datetime | None] = mapped_column(index=True)
    reject_due: Mapped[bool]
    reply_due: Mapped[bool]
    auto_rejected: Mapped[bool]
    reject_acknowledged: Mapped[bool | None]
    logged: Mapped[str] = mapped_column(String(200))


class CallSettingsRow(Base):
    """What a device does with calls. `allow` holds JIDs, separated by spaces.

    `reply_text` stands here and nowhere else.
    """

    __tablename__ = "call_settings"

    device_id: Mapped[str] = mapped_column(ForeignKey("devices.id"), primary_key=True)
    auto_reject: Mapped[str] = mapped_column(String(16))
    allow: Mapped[str] = mapped_column(Text)
    reply_enabled: Mapped[bool]
    reply_text: Mapped[str | None] = mapped_column(Text)
    cooldown_seconds: Mapped[int]
    also_when_not_rejected: Mapped[bool]


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


class MetaRow(Base):
    """A fact about the whole database, such as the network its accounts belong to."""

    __tablename__ = "meta"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(String(256))
