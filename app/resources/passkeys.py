"""Routes of linking with the owner's passkey."""

from __future__ import annotations

from typing import Any

from app.api import BODY, COMMAND, DEVICE, TOKEN, Blueprint
from app.auth import tenant_token_required
from app.context import request_deadline, service
from app.examples import passkeys as examples
from app.parsing import chosen_device
from schemas import passkeys as schemas
from schemas.base import DeviceChoice, EmptyRequest
from sessions.deadline import Deadline
from sessions.errors import ErrorCode
from sessions.principals import Principal

blueprint = Blueprint("passkeys", __name__, description="Linking with the owner's passkey")

ERRORS = (
    *TOKEN,
    *DEVICE,
    *COMMAND,
    ErrorCode.DEVICE_NOT_LINKED,
    ErrorCode.DEVICE_ALREADY_LINKED,
)


@blueprint.route("/passkey", methods=["GET"])
@tenant_token_required
@blueprint.arguments(schemas.PasskeyQuery, location="query")
@blueprint.errors(*ERRORS, ErrorCode.VALIDATION_ERROR)
@blueprint.response(200, schemas.PasskeyAnswer, example=examples.ASKED)
def show_passkey(principal: Principal, query: dict[str, Any]) -> dict[str, Any]:
    """Give what WhatsApp asks of the owner's passkey, and how far the exchange is.

    Some accounts are linked only so: the status is `passkey_required` once a phone has taken the
    code. `public_key` is for `navigator.credentials.get()` of a page whose origin is
    `https://web.whatsapp.com`. `DEVICE_NOT_LINKED`: no passkey is asked for.
    """
    passkey = service().passkeys.watch(
        principal,
        chosen_device(query),
        known=query.get("stage"),
        wait=Deadline.after(query["wait"]),
    )
    return {"data": passkey}


@blueprint.route("/passkey/response", methods=["POST"])
@tenant_token_required
@blueprint.arguments(DeviceChoice, location="query")
@blueprint.arguments(schemas.ResponseRequest, example=examples.RESPONSE)
@blueprint.errors(*ERRORS, *BODY, ErrorCode.DEVICE_NOT_READY)
@blueprint.response(200, schemas.PasskeyAnswer, example=examples.ANSWERED)
def answer(principal: Principal, query: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """Hand WhatsApp the authenticator's answer. A further one changes nothing.

    `DEVICE_ERROR`: WhatsApp did not take it; another one may follow. The phone then introduces
    itself, and the stage becomes `shown`.
    """
    passkey = service().passkeys.answer(
        principal,
        body["credential"],
        device_id=chosen_device(query, body),
        deadline=request_deadline(),
    )
    return {"data": passkey}


@blueprint.route("/passkey/confirm", methods=["POST"])
@tenant_token_required
@blueprint.arguments(DeviceChoice, location="query")
@blueprint.arguments(EmptyRequest, required=False, example={})
@blueprint.errors(*ERRORS, *BODY, ErrorCode.DEVICE_NOT_READY, ErrorCode.CODE_NOT_SHOWN)
@blueprint.response(200, schemas.PasskeyAnswer, example=examples.CONFIRMED)
def confirm(principal: Principal, query: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """Confirm the code that the phone shows, and have the device linked.

    With `compare` the owner has to see first that the phone shows the same `code`.
    """
    device_id = chosen_device(query, body)
    return {"data": service().passkeys.confirm(principal, device_id, deadline=request_deadline())}
