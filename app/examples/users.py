"""Examples of answers about users."""

from __future__ import annotations

from app.examples.devices import MADE_AT, USER_ID
from app.examples.tenants import ADMIN, NOTE, TENANT_ID, TOKEN

CLERK_ID = "1c2d3e4f-1111-4222-8333-444455556666"
CLERK = {
    "id": CLERK_ID,
    "tenant_id": TENANT_ID,
    "email": "clerk@example.com",
    "role": "user",
    "active": True,
    "created_at": MADE_AT,
    "updated_at": MADE_AT,
}
CREATED = {
    "success": True,
    "user": {**CLERK, "token": TOKEN},
    "webhook_configured": False,
    "note": NOTE,
}
LISTED = {"success": True, "users": [ADMIN, CLERK], "count": 2}
SHOWN = {"success": True, "data": CLERK}
UPDATED = {"success": True, "message": "user updated"}
DELETED = {"success": True, "message": "user deleted"}
PROMOTED = {
    "success": True,
    "data": {"user_id": CLERK_ID, "old_role": "user", "new_role": "manager"},
}
ROTATED = {
    "success": True,
    "data": {"user_id": USER_ID, "token": TOKEN},
    "note": NOTE,
}
