"""Examples of answers about tenants."""

from __future__ import annotations

from app.examples.devices import MADE_AT, USER_ID

TENANT_ID = "0b0e7c3e-1111-4222-8333-444455556666"
TOKEN = "3f1d2c4b-1111-4222-8333-444455556666"  # noqa: S105 - nobody's token
ADMIN = {
    "id": USER_ID,
    "tenant_id": TENANT_ID,
    "email": "admin@example.com",
    "role": "admin",
    "active": True,
    "created_at": MADE_AT,
    "updated_at": MADE_AT,
}
TENANT = {
    "id": TENANT_ID,
    "name": "Example Ltd",
    "created_at": MADE_AT,
    "updated_at": MADE_AT,
}
NOTE = "keep the token: it is shown this once"
REGISTERED = {
    "success": True,
    "user": {**ADMIN, "token": TOKEN},
    "tenant": TENANT,
    "token": TOKEN,
    "webhook_configured": False,
    "note": NOTE,
}
LISTED = {"success": True, "tenants": [TENANT], "count": 1}
SHOWN = {"success": True, "data": TENANT}
DELETED = {
    "success": True,
    "data": {
        "message": "tenant deleted",
        "tenant_id": TENANT_ID,
        "devices": 3,
        "unlinked": 2,
    },
}
RENEWED = {"success": True, "data": {"user_id": USER_ID, "token": TOKEN}, "note": NOTE}
