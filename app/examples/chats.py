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
ROW = {
    "jid": CHAT,
    "type": "contact",
    "name": "Ann",
    "name_source": "contact",
    "pinned": False,
    "archived": True,
    "muted": True,
    "muted_until": "9999-12-31T00:00:00Z",
    "muted_forever": True,
    "participant_count": 0,
    "lid": "200000000000001@lid",
    "phone_number": "15557000001",
    "last_message_at": "2026-06-15T12:00:00Z",
}
SHOWN = {"success": True, "chat": ROW}
LISTED = {
    "success": True,
    "chats": [ROW],
    "count": 1,
    "next_cursor": "mJ9p3v0c2k8s1d7f5g6h4jSzQxLCIiXQ",
    "sync": "complete",
}
