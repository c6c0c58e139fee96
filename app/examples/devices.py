"""Examples of answers about devices."""

from __future__ import annotations

from typing import Any

DEVICE_ID = "7d2f6a0e-1111-4222-8333-444455556666"
USER_ID = "9a8b7c6d-1111-4222-8333-444455556666"
MADE_AT = "2026-06-15T12:00:00Z"
DEVICE = {
    "id": DEVICE_ID,
    "user_id": USER_ID,
    "name": "Front desk",
    "connected": False,
    "created_at": MADE_AT,
    "updated_at": MADE_AT,
}
LINKED_DEVICE = {
    **DEVICE,
    "connected": True,
    "whatsapp_jid": "15550100001@s.whatsapp.net",
    "last_seen": "2026-06-15T12:05:00Z",
}


def _data(**members: Any) -> dict[str, Any]:
    return {"success": True, "data": members}


CREATED = {
    "success": True,
    "message": "device created",
    "device": DEVICE,
    "data": {"device_id": DEVICE_ID, "name": "Front desk"},
}
LISTED = {"success": True, "devices": [LINKED_DEVICE], "count": 1}
OWN = _data(devices=[LINKED_DEVICE], count=1, user_id=USER_ID)
DELETED = {"success": True, "message": "device erased", "unlinked": True}
QR = _data(
    qr_code="2@example",
    image="data:image/png;base64,iVBORw0KGgo=",
    cached=False,
    expires_at="2026-06-15T12:01:00Z",
    ttl=60,
)
PAIR_CODE = _data(
    code="ABCD-1234",
    phone="15550100001",
    expires_in=158,
    cached=False,
    instructions="On the phone: Settings → Linked devices → Link a device → Link with phone number"
    " instead. Type the code there.",
)
PAIRING = _data(
    exists=True,
    state="waiting",
    method="qr",
    attempt=1,
    generated_at=MADE_AT,
    expires_at="2026-06-15T12:01:00Z",
)
STATUS = _data(
    connected=True,
    status="connected",
    device_id=DEVICE_ID,
    jid="15550100001@s.whatsapp.net",
    phone_number="15550100001",
    is_logged_in=True,
    last_seen="2026-06-15T12:05:00Z",
    app_state="ok",
)
CONNECTED = _data(status="connecting", device_id=DEVICE_ID, needs_qr=False)
DISCONNECTED = _data(message="disconnected", device_id=DEVICE_ID)
LOGGED_OUT = _data(message="logged out", device_id=DEVICE_ID)
