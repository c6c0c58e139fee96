"""The tables of the mirror and of the event log."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from sessions.store.models.base import Base


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
