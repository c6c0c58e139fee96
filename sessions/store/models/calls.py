"""The tables of calls."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from sessions.store.models.base import Base


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
