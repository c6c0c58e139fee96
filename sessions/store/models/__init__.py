"""The tables. A change here needs a migration in `migrations/versions`; a test compares the two."""

from __future__ import annotations

from sessions.store.models.base import Base
from sessions.store.models.calls import CallRow, CallSettingsRow
from sessions.store.models.identity import (
    AuditRow,
    CollectionRow,
    DeviceRow,
    IdempotencyRow,
    MetaRow,
    PairCodeRow,
    SpoolMarkRow,
    TenantRow,
    TokenRow,
    UserRow,
)
from sessions.store.models.mirror import (
    ChatRow,
    EventRow,
    MirroredCollectionRow,
    MirrorRow,
    PairRow,
    PastPositionRow,
    RemovedChatRow,
)
from sessions.store.models.webhooks import (
    DeliveryRow,
    PendingWebhookRow,
    WebhookQueueRow,
    WebhookRow,
)

__all__ = [
    "AuditRow",
    "Base",
    "CallRow",
    "CallSettingsRow",
    "ChatRow",
    "CollectionRow",
    "DeliveryRow",
    "DeviceRow",
    "EventRow",
    "IdempotencyRow",
    "MetaRow",
    "MirrorRow",
    "MirroredCollectionRow",
    "PairCodeRow",
    "PairRow",
    "PastPositionRow",
    "PendingWebhookRow",
    "RemovedChatRow",
    "SpoolMarkRow",
    "TenantRow",
    "TokenRow",
    "UserRow",
    "WebhookQueueRow",
    "WebhookRow",
]
