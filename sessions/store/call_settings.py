"""Rows of what devices do with calls, in the caller's transaction."""

from __future__ import annotations

from sqlalchemy.orm import Session as Transaction

from sessions.call_rules import AutoReject, AutoReply, CallSettings
from sessions.store.models import CallSettingsRow


def find(transaction: Transaction, device_id: str) -> CallSettings:
    """Return a device's settings; where none were ever made nothing is done with calls."""
    row = transaction.get(CallSettingsRow, device_id)
    if row is None:
        return CallSettings()
    reply = AutoReply(
        enabled=row.reply_enabled,
        text=row.reply_text,
        cooldown_seconds=row.cooldown_seconds,
        also_when_not_rejected=row.also_when_not_rejected,
    )
    return CallSettings(AutoReject(row.auto_reject), tuple(row.allow.split()), reply)


def store(transaction: Transaction, device_id: str, settings: CallSettings) -> None:
    """Write a device's settings over."""
    row = CallSettingsRow(
        device_id=device_id,
        auto_reject=settings.auto_reject,
        allow=" ".join(settings.allow),
        reply_enabled=settings.auto_reply.enabled,
        reply_text=settings.auto_reply.text,
        cooldown_seconds=settings.auto_reply.cooldown_seconds,
        also_when_not_rejected=settings.auto_reply.also_when_not_rejected,
    )
    transaction.merge(row)
