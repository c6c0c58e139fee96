"""Examples of answers about the owner's passkey."""

from __future__ import annotations

from typing import Any

CREDENTIAL_ID = "YS1wYXNza2V5"
PUBLIC_KEY = {
    "challenge": "PSpH1jhOv3P2vMcbWmiyNcQzYB0p8kSWtXdXoyrbjY0",
    "timeout": 60000,
    "rpId": "whatsapp.com",
    "allowCredentials": [
        {"id": CREDENTIAL_ID, "type": "public-key", "transports": ["internal", "hybrid"]}
    ],
    "userVerification": "required",
}
RESPONSE = {
    "credential": {
        "id": CREDENTIAL_ID,
        "rawId": CREDENTIAL_ID,
        "type": "public-key",
        "response": {
            "clientDataJSON": "eyJ0eXBlIjoid2ViYXV0aG4uZ2V0In0",
            "authenticatorData": "EhISEhISEhISEhISEhISEhISEhISEhISEhISEhISEhIFAAAAAQ",
            "signature": "MEUCIQD",
        },
    }
}


def _passkey(stage: str, **members: Any) -> dict[str, Any]:
    told = {"stage": stage, "public_key": PUBLIC_KEY, "compare": False, **members}
    return {"success": True, "data": {**told, "expires_at": "2026-06-15T12:05:00Z"}}


ASKED = _passkey("asked")
ANSWERED = _passkey("answered")
CONFIRMED = _passkey("confirmed", code="ABCD-1234")
