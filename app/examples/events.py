"""Examples of answers about the event log."""

from __future__ import annotations

import json

from app.examples.chats import CHAT
from app.examples.devices import DEVICE_ID, USER_ID

EVENT = {
    "id": "0b0e7c3e-5f0a-4a57-9c1e-2f8f2a9d1c11",
    "event": "chat.archive",
    "timestamp": 1781524800,
    "device_id": DEVICE_ID,
    "user_id": USER_ID,
    "data": {"chat_jid": CHAT, "archived": True, "at": "2026-06-15T12:00:00Z", "cause": "phone"},
    "sequence": 42,
    "version": 1,
}
LISTED = {"success": True, "events": [EVENT], "next_after": 42, "epoch": 1}
STREAMED = (
    "retry: 1000\n"
    "id: 1:42\n"
    "event: chat.archive\n"
    f"data: {json.dumps(EVENT, separators=(',', ':'))}\n"
    "\n"
    ": alive\n"
    "id: 1:57\n"
    "\n"
)
