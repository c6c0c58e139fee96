"""The route of disappearing messages."""

from __future__ import annotations

from typing import Any

from app.api import BODY, COMMAND, DEVICE, KEYED, LINK, TOKEN, Blueprint
from app.auth import tenant_token_required
from app.context import request_deadline, service
from app.examples import disappearing as examples
from app.parsing import chosen_device
from app.resources.chats import CHAT_JID
from schemas.base import DeviceChoice
from schemas.disappearing import DisappearingAnswer, DisappearingRequest
from sessions.disappearing import DisappearingResult
from sessions.principals import Principal

blueprint = Blueprint("disappearing", __name__, description="Messages that disappear")


@blueprint.route("/chats/<chat_jid>/disappearing", methods=["PUT"], parameters=[CHAT_JID])
@tenant_token_required
@blueprint.arguments(DeviceChoice, location="query")
@blueprint.arguments(DisappearingRequest, example={"preset": "7d"})
@blueprint.errors(*TOKEN, *KEYED, *BODY, *DEVICE, *LINK, *COMMAND)
@blueprint.response(200, DisappearingAnswer, example=examples.SET)
def set_disappearing(
    principal: Principal, query: dict[str, Any], body: dict[str, Any], chat_jid: str
) -> DisappearingResult:
    """Let the messages that are written from now on disappear after a time, or stay.

    Whoever is in the chat is told so, as if it had been done on the phone.
    """
    return service().disappearing.set(
        principal,
        chat_jid,
        preset=body["preset"],
        device_id=chosen_device(query, body),
        deadline=request_deadline(),
    )
