"""Examples of requests and answers about calls."""

from __future__ import annotations

from app.examples.chats import CHAT, OTHER

CALL_ID = "5B7F0C1D2E3A4958A6B7C8D9E0F10213"
ROW = {
    "call_id": CALL_ID,
    "from": CHAT,
    "phone_number": "15557000001",
    "media": "audio",
    "state": "rejected",
    "offered_at": "2026-06-15T12:00:00Z",
    "ended_at": "2026-06-15T12:00:02Z",
    "auto_rejected": True,
    "auto_replied": True,
    "reject_acknowledged": True,
}
REJECTED = {"success": True, "call_id": CALL_ID, "state": "rejecting"}
SHOWN = {"success": True, "call": ROW}
LISTED = {
    "success": True,
    "calls": [ROW],
    "count": 1,
    "next_cursor": "mJ9p3v0c2k8s1d7f5g6h4jSzQxLCIiXQ",
}
CHANGE = {
    "auto_reject": "unknown",
    "allow": [OTHER],
    "auto_reply": {"enabled": True, "text": "I can't take calls here: please write."},
}
SETTINGS = {
    "success": True,
    "settings": {
        **CHANGE,
        "auto_reply": {
            "enabled": True,
            "text": "I can't take calls here: please write.",
            "cooldown_seconds": 300,
            "also_when_not_rejected": False,
        },
    },
}
