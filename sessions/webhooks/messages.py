"""Writes an event for its receiver: the body, signed, and the headers of the webhook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sessions.store.event_log import LogEntry
from sessions.vault import Vault
from sessions.webhooks.signing import build_body, build_headers, embed_signature
from sessions.webhooks.values import Webhook

_HEADERS = {"Content-Type": "application/json", "User-Agent": "WUTS"}


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent. Headers and body are nobody else's business."""

    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


def build_message(entry: LogEntry, webhook: Webhook, *, vault: Vault, now: datetime) -> Message:
    """Write an event as it is sent at that time. Raises WrongKey."""
    own = {name: vault.decrypt(value.encode()) for name, value in webhook.headers.items()}
    body = build_body(entry)
    secrets = _secrets(webhook, vault, now)
    if not secrets:
        return Message({**_HEADERS, **own}, body)
    sent = embed_signature(body, secrets[0])
    signed = build_headers(entry.id, sent, secrets=secrets, at=now)
    return Message({**_HEADERS, **own, **signed}, sent)


def _secrets(webhook: Webhook, vault: Vault, now: datetime) -> Sequence[bytes]:
    """Return the keys to sign with: the present one, and the one before for a while."""
    kept = [webhook.secret]
    if webhook.old_secret_until is not None and now < webhook.old_secret_until:
        kept.append(webhook.old_secret)
    return [vault.decrypt(secret).encode() for secret in kept if secret is not None]
