"""Examples of answers about tokens."""

from __future__ import annotations

from app.examples.devices import MADE_AT
from app.examples.tenants import NOTE, TOKEN

TOKEN_ID = "5a6b7c8d-1111-4222-8333-444455556666"  # noqa: S105 - the id of nobody's token
ARCHIVER = {
    "id": TOKEN_ID,
    "name": "Archiver",
    "token_hint": "6666",
    "scopes": ["chats:write"],
    "created_at": MADE_AT,
}
CREATED = {
    "success": True,
    "token": TOKEN,
    "data": ARCHIVER,
    "note": NOTE,
}
LISTED = {"success": True, "tokens": [ARCHIVER], "count": 1}
DELETED = {"success": True, "message": "token revoked"}
