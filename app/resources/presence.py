"""Routes of presence and typing."""

from __future__ import annotations

from typing import Any

from app.api import BODY, COMMAND, DEVICE, LINK, TOKEN, Blueprint
from app.auth import tenant_token_required
from app.context import request_deadline, service
from app.examples import presence as examples
from app.parsing import chosen_device
from app.resources.chats import CHAT_JID
from schemas import presence as schemas
from schemas.base import DeviceChoice
from sessions.errors import ErrorCode
from sessions.principals import Principal

blueprint = Blueprint("presence", __name__, description="What others see of the account")

ERRORS = (*TOKEN, *BODY, *DEVICE, *LINK, *COMMAND)


@blueprint.route("/chats/<chat_jid>/typing", methods=["POST"], parameters=[CHAT_JID])
@tenant_token_required
@blueprint.arguments(DeviceChoice, location="query")
@blueprint.arguments(schemas.TypingRequest, example={"state": "typing"})
@blueprint.errors(*ERRORS)
@blueprint.response(200, schemas.TypingAnswer, example=examples.TYPING)
def set_typing(
    principal: Principal, query: dict[str, Any], body: dict[str, Any], chat_jid: str
) -> dict[str, Any]:
    """Show in a chat that somebody types, records or has paused.

    200 means that it was written to the connection. Others see it only while the account is online
    (`POST /presence`), and for some seconds.
    """
    is_recording = body["state"] == schemas.RECORDING or body.get("media") == "audio"
    typing = schemas.TYPING[body["state"]]
    used = service().presence.set_typing(
        principal,
        chat_jid,
        typing=typing,
        is_recording=is_recording,
        device_id=chosen_device(query, body),
        deadline=request_deadline(),
    )
    return {"chat_jid": used, "state": typing, "media": "audio" if is_recording else "text"}


@blueprint.route("/presence", methods=["POST"])
@tenant_token_required
@blueprint.arguments(DeviceChoice, location="query")
@blueprint.arguments(schemas.PresenceRequest, required=False, example={"state": "available"})
@blueprint.errors(*ERRORS, ErrorCode.APP_STATE_NOT_READY)
@blueprint.response(200, schemas.PresenceAnswer, example=examples.SET)
def set_presence(
    principal: Principal, query: dict[str, Any], body: dict[str, Any]
) -> dict[str, Any]:
    """Show the account online or offline. 200 means that it was written to the connection.

    `APP_STATE_NOT_READY`: the phone has not told the account's name yet, without which WhatsApp
    shows nobody.
    """
    state = schemas.AVAILABILITY[body["state"]]
    service().presence.set_own(
        principal, state, device_id=chosen_device(query, body), deadline=request_deadline()
    )
    return {"state": state}


@blueprint.route("/presence/subscribe", methods=["POST"])
@tenant_token_required
@blueprint.arguments(DeviceChoice, location="query")
@blueprint.arguments(schemas.SubscribeRequest, example=examples.SUBSCRIBE)
@blueprint.errors(*ERRORS, ErrorCode.APP_STATE_NOT_READY)
@blueprint.response(200, schemas.SubscribeAnswer, example=examples.SUBSCRIBED)
def subscribe(principal: Principal, query: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """Ask WhatsApp for the presence of a person. What it tells is no event here."""
    used = service().presence.subscribe(
        principal,
        body["jid"],
        ensure_online=body["ensure_online"],
        device_id=chosen_device(query, body),
        deadline=request_deadline(),
    )
    return {"subject_jid": used}
