"""Examples of answers about webhooks."""

from __future__ import annotations

from typing import Any

from app.examples.devices import MADE_AT
from schemas.event_names import NAMES
from schemas.events import DATA

URL = "https://app.example.com/webhook"
EVENTS = ["chat.archive", "call.offer", "message.received"]
CONFIGURE: dict[str, Any] = {
    "webhook_url": URL,
    "enabled_events": EVENTS,
    "retry_attempts": 3,
    "timeout": 10,
    "secret": "a-long-random-string",
    "headers": {"X-Tenant-Id": "example"},
}
WEBHOOK = {
    "id": "2c9d8e7f-1111-4222-8333-444455556666",
    "webhook_url": URL,
    "enabled_events": EVENTS,
    "not_emitted": [name for name in EVENTS if name not in DATA],
    "enabled": True,
    "retry_attempts": 3,
    "timeout": 10,
    "signed": True,
    "headers": {"X-Tenant-Id": "***"},
    "created_at": MADE_AT,
    "updated_at": MADE_AT,
}
DELIVERY_ID = "0b0e7c3e-5f0a-4a57-9c1e-2f8f2a9d1c11"
DELIVERY = {
    "id": DELIVERY_ID,
    "event": "chat.archive",
    "sequence": 42,
    "status": "failed",
    "attempts": 4,
    "attempted_at": MADE_AT,
    "duration_ms": 31,
    "http_status": 500,
    "error": "http_status",
}
CONFIGURED = {"success": True, "message": "webhook configured", "webhook": WEBHOOK}
SHOWN = {"success": True, "webhook": WEBHOOK}
DELETED = {"success": True, "message": "webhook deleted"}
PENDING = {
    "success": True,
    "message": "the next device that you link gets this webhook, with all events",
    "data": {"webhook_url": URL, "available_events": list(NAMES), "events_count": len(NAMES)},
}
NAMED = {"success": True, "events": list(NAMES), "emitted": list(DATA), "count": len(NAMES)}
TESTED = {"success": True, "delivered": True, "http_status": 204, "duration_ms": 31}
LISTED = {"success": True, "deliveries": [DELIVERY], "count": 1}
RETRIED = {
    "success": True,
    "message": "the event is sent again",
    "delivery": {**DELIVERY, "status": "queued"},
}
RETRIED_AFTER = {"success": True, "message": "the events are sent again", "count": 17}
