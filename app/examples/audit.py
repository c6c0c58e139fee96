"""Examples of answers about the audit log."""

from __future__ import annotations

from app.examples.devices import DEVICE_ID, MADE_AT, USER_ID
from app.examples.tokens import TOKEN_ID

LISTED = {
    "success": True,
    "entries": [
        {
            "id": 42,
            "at": MADE_AT,
            "action": "chat.archive",
            "outcome": "success",
            "request_id": "0b0e7c3e-5f0a-4a57-9c1e-2f8f2a9d1c11",
            "user_id": USER_ID,
            "token_id": TOKEN_ID,
            "device_id": DEVICE_ID,
        }
    ],
    "count": 1,
    "next_cursor": "mJ9p3v0c2k8s1d7f5g6h4jSzQxLCIiXQ",
}
