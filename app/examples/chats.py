"""Examples of requests and answers about chats."""

from __future__ import annotations

CHAT = "15557000001@s.whatsapp.net"
OTHER = "15557000002@s.whatsapp.net"

ARCHIVED = {"success": True, "chat_jid": CHAT, "archived": True}
MUTED = {"success": True, "chat_jid": CHAT, "muted": True, "duration_seconds": 28800}
PINNED = {"success": True, "chat_jid": CHAT, "pinned": True}
UNPINNED = {"success": True, "chat_jid": CHAT, "pinned": False}
MARKED = {"success": True, "chat_jid": CHAT, "read": True}
ARCHIVED_MANY = {
    "success": True,
    "archived": True,
    "results": [
        {"chat_jid": CHAT, "success": True},
        {"chat_jid": OTHER, "success": False, "error_code": "DEVICE_ERROR"},
    ],
    "count": 2,
    "failed": 1,
}
