"""The route of the event log."""

from __future__ import annotations

from typing import Any

from app.api import DEVICE, TOKEN, Blueprint
from app.auth import tenant_token_required
from app.context import service
from app.examples import events as examples
from app.parsing import chosen_device
from app.queries import refuse_unknown
from schemas.events import EventsAnswer, EventsQuery
from sessions.deadline import Deadline
from sessions.errors import ErrorCode
from sessions.principals import Principal

blueprint = Blueprint("events", __name__, description="What happened to a device")


@blueprint.route("/events", methods=["GET"])
@tenant_token_required
@blueprint.arguments(EventsQuery, location="query")
@blueprint.errors(
    *TOKEN,
    *DEVICE,
    ErrorCode.VALIDATION_ERROR,
    ErrorCode.DEVICE_NOT_LINKED,
    ErrorCode.CURSOR_EXPIRED,
)
@blueprint.response(200, EventsAnswer, example=examples.LISTED)
def list_events(principal: Principal, query: dict[str, Any]) -> dict[str, Any]:
    """List what happened to the device, the oldest first; `wait` waits for something to happen.

    The log is kept for seven days. `CURSOR_EXPIRED` means that events behind `after` are gone; its
    `oldest` and `latest` say what is there.
    """
    refuse_unknown(EventsQuery)
    found = service().event_log.list(
        principal,
        chosen_device(query),
        after=query["after"],
        types=query.get("types", ()),
        limit=query["limit"],
        wait=Deadline.after(query["wait"]),
    )
    return {"events": found.entries, "next_after": found.next_after, "epoch": found.epoch}
