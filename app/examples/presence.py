"""Examples of answers about presence and typing."""

from __future__ import annotations

from app.examples.chats import CHAT

TYPING = {"success": True, "chat_jid": CHAT, "state": "composing", "media": "text"}
SET = {"success": True, "state": "available"}
SUBSCRIBE = {"jid": CHAT, "ensure_online": True}
SUBSCRIBED = {"success": True, "subject_jid": CHAT}
