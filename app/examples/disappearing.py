"""The example of an answer about disappearing messages."""

from __future__ import annotations

from app.examples.chats import CHAT

SET = {
    "success": True,
    "chat_jid": CHAT,
    "preset": "7d",
    "seconds": 604800,
    "timestamp": "2026-06-15T12:00:00Z",
}
