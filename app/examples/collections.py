"""Examples of answers about collections."""

from __future__ import annotations

LISTED = {
    "success": True,
    "collections": [
        {
            "name": "regular_low",
            "version": 12,
            "state": "ok",
            "last_ok_at": "2026-06-15T12:05:00Z",
        }
    ],
}
SYNCED = {"success": True, "scopes": ["contacts", "chats", "settings"], "full_sync": False}
