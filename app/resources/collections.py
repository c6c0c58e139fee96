"""Routes of the app state's collections."""

from __future__ import annotations

from typing import Any

from app.api import APP_STATE, BODY, COMMAND, DEVICE, KEYED, LINK, TOKEN, Blueprint
from app.auth import tenant_token_required
from app.context import request_deadline, service
from app.examples import collections as examples
from app.parsing import chosen_device
from schemas.base import DeviceChoice
from schemas.collections import CollectionsAnswer, SyncAnswer, SyncRequest
from sessions.errors import ErrorCode
from sessions.principals import Principal

blueprint = Blueprint("collections", __name__, description="App state: what is known of it")


@blueprint.route("/appstate", methods=["GET"])
@tenant_token_required
@blueprint.arguments(DeviceChoice, location="query")
@blueprint.errors(*TOKEN, *DEVICE, *LINK, *COMMAND, ErrorCode.VALIDATION_ERROR)
@blueprint.response(200, CollectionsAnswer, example=examples.LISTED)
def list_collections(principal: Principal, query: dict[str, Any]) -> dict[str, Any]:
    """Tell how each collection stands, also while the device is offline.

    `awaiting_keys`: the phone has not shared its keys yet. `awaiting_phone`: what WhatsApp has does
    not verify, and the phone was asked for its own copy. `wedged`: nothing has helped so far.
    """
    found = service().collections.list(principal, chosen_device(query), deadline=request_deadline())
    return {"collections": found}


@blueprint.route("/appstate/sync", methods=["POST"])
@tenant_token_required
@blueprint.arguments(DeviceChoice, location="query")
@blueprint.arguments(SyncRequest, required=False, example={"scopes": ["chats"], "full": False})
@blueprint.errors(*TOKEN, *KEYED, *BODY, *DEVICE, *LINK, *APP_STATE, *COMMAND)
@blueprint.response(200, SyncAnswer, example=examples.SYNCED)
def sync(principal: Principal, query: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """Fetch what is new, or everything anew.

    This is not needed day by day: changes come by themselves.
    """
    scopes, full = body["scopes"], body["full"]
    service().collections.sync(
        principal,
        chosen_device(query, body),
        scopes=scopes,
        full=full,
        deadline=request_deadline(),
    )
    return {"scopes": scopes, "full_sync": full}
