"""Routes of calls."""

from __future__ import annotations

from typing import Any

from app.api import BODY, COMMAND, DEVICE, KEYED, LINK, TOKEN, Blueprint
from app.auth import tenant_token_required
from app.context import request_deadline, service
from app.examples import calls as examples
from app.paging import read_page, show_page
from app.parsing import chosen_device
from app.queries import refuse_unknown
from schemas import calls as schemas
from schemas.base import DeviceChoice
from sessions.calls import CallQuery, SettingsChange
from sessions.errors import ErrorCode
from sessions.principals import Principal

blueprint = Blueprint("calls", __name__, description="Incoming calls of a device's account")

CALL_ID = {
    "name": "call_id",
    "in": "path",
    "required": True,
    "schema": {"type": "string"},
    "example": examples.CALL_ID,
}
READ = (*TOKEN, *DEVICE, ErrorCode.VALIDATION_ERROR, ErrorCode.DEVICE_NOT_LINKED)


@blueprint.route("/calls/reject", methods=["POST"])
@tenant_token_required
@blueprint.arguments(DeviceChoice, location="query")
@blueprint.arguments(schemas.RejectRequest, example={"call_id": examples.CALL_ID})
@blueprint.errors(
    *TOKEN,
    *KEYED,
    *BODY,
    *DEVICE,
    *LINK,
    *COMMAND,
    ErrorCode.CALL_NOT_FOUND,
    ErrorCode.CALL_ENDED,
)
@blueprint.response(200, schemas.RejectAnswer, example=examples.REJECTED)
def reject(principal: Principal, query: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """Reject a call.

    200 means that a reject was sent, as `rejecting` says; WhatsApp does not always heed one of a
    linked device. It becomes `rejected` or `ended` when an event says so, and after 60 seconds
    without one `ended` with the reason `unconfirmed`. A call that rings on may be rejected again.
    """
    state = service().calls.reject(
        principal,
        body["call_id"],
        caller=body.get("from"),
        device_id=chosen_device(query, body),
        deadline=request_deadline(),
    )
    return {"call_id": body["call_id"], "state": state}


@blueprint.route("/calls", methods=["GET"])
@tenant_token_required
@blueprint.arguments(schemas.CallsQuery, location="query")
@blueprint.errors(*READ)
@blueprint.response(200, schemas.CallsAnswer, example=examples.LISTED)
def list_calls(principal: Principal, query: dict[str, Any]) -> dict[str, Any]:
    """List the account's incoming calls of the last seven days, the newest first.

    It answers also while the device is offline.
    """
    refuse_unknown(schemas.CallsQuery)
    calls = service().calls
    device = calls.choose(principal, chosen_device(query))
    wanted = CallQuery(query.get("state"), query.get("from"), query.get("since"))
    owner = f"{device.id}:{wanted!r}"
    found = calls.list(device, wanted, read_page(query, name="calls", owner=owner))
    return show_page(found, name="calls", owner=owner)


@blueprint.route("/calls/<call_id>", methods=["GET"], parameters=[CALL_ID])
@tenant_token_required
@blueprint.arguments(DeviceChoice, location="query")
@blueprint.errors(*READ, ErrorCode.CALL_NOT_FOUND)
@blueprint.response(200, schemas.CallAnswer, example=examples.SHOWN)
def show_call(principal: Principal, query: dict[str, Any], call_id: str) -> dict[str, Any]:
    """Show one call."""
    calls = service().calls
    return {"call": calls.show(calls.choose(principal, chosen_device(query)), call_id)}


@blueprint.route("/calls/settings", methods=["GET"])
@tenant_token_required
@blueprint.arguments(DeviceChoice, location="query")
@blueprint.errors(*READ)
@blueprint.response(200, schemas.CallSettingsAnswer, example=examples.SETTINGS)
def show_settings(principal: Principal, query: dict[str, Any]) -> dict[str, Any]:
    """Show what the device does with calls by itself."""
    calls = service().calls
    return {"settings": calls.settings(calls.choose(principal, chosen_device(query)))}


@blueprint.route("/calls/settings", methods=["PUT"])
@tenant_token_required
@blueprint.arguments(DeviceChoice, location="query")
@blueprint.arguments(schemas.CallSettingsRequest, example=examples.CHANGE)
@blueprint.errors(*READ, *KEYED, *BODY)
@blueprint.response(200, schemas.CallSettingsAnswer, example=examples.SETTINGS)
def change_settings(
    principal: Principal, query: dict[str, Any], body: dict[str, Any]
) -> dict[str, Any]:
    """Change what the device does with calls by itself; what is absent stays as it is.

    The reply follows every reject, by a rule or by request, whether it took effect or not; at most
    once a call, once a caller within the cool-down, and 30 times an hour. Calls that come late,
    such as after a time offline, are neither rejected nor answered.
    """
    calls = service().calls
    device = calls.choose(principal, chosen_device(query, body))
    change = SettingsChange(body.get("auto_reject"), body.get("allow"), body.get("auto_reply", {}))
    return {"settings": calls.change_settings(device, change)}
