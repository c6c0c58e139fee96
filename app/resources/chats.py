"""Routes of chats."""

from __future__ import annotations

from typing import Any

from app.api import APP_STATE, BODY, COMMAND, DEVICE, KEYED, LINK, TOKEN, Blueprint
from app.auth import tenant_token_required
from app.context import request_deadline, service
from app.parsing import chosen_device
from schemas.base import DeviceChoice
from schemas.chats import ArchiveAnswer, ArchiveRequest
from sessions.principals import Principal

blueprint = Blueprint("chats", __name__, description="Chats of a device's account")

CHAT_JID = {
    "name": "chat_jid",
    "in": "path",
    "required": True,
    "schema": {"type": "string"},
    "example": "15557000001@s.whatsapp.net",
    "description": "`…@s.whatsapp.net`, `…@g.us`, `…@lid`, or a plain phone number.",
}


@blueprint.route("/chats/<chat_jid>/archive", methods=["POST"], parameters=[CHAT_JID])
@tenant_token_required
@blueprint.arguments(DeviceChoice, location="query")
@blueprint.arguments(ArchiveRequest, example={"archived": True})
@blueprint.errors(*TOKEN, *KEYED, *BODY, *DEVICE, *LINK, *APP_STATE, *COMMAND)
@blueprint.response(
    200,
    ArchiveAnswer,
    example={"success": True, "chat_jid": "15557000001@s.whatsapp.net", "archived": True},
)
def archive(
    principal: Principal, query: dict[str, Any], body: dict[str, Any], chat_jid: str
) -> dict[str, Any]:
    """Archive a chat, or bring it back.

    200 means that WhatsApp has accepted the change. Archiving also unpins. An archived chat is
    archived again when asked, for the phone may have brought it back by itself. Messages are not
    kept here, so WhatsApp may bring the chat back when the next one arrives.
    """
    used = service().chats.archive(
        principal,
        chat_jid,
        archived=body["archived"],
        last_message_timestamp=body.get("last_message_timestamp"),
        device_id=chosen_device(query, body),
        deadline=request_deadline(),
    )
    return {"chat_jid": used, "archived": body["archived"]}
