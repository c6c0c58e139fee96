"""The routes of the event log: reading a part of it, and listening to it."""

from __future__ import annotations

from typing import Any

from flask import Response

from app.api import DEVICE, TOKEN, Blueprint
from app.auth import tenant_token_required
from app.context import service
from app.examples import events as examples
from app.parsing import chosen_device
from app.queries import refuse_unknown
from app.streams import CONTENT_TYPE, answer_stream, keep_identifying
from schemas.events import EventsAnswer, EventsQuery, StreamHeaders, StreamQuery
from sessions.deadline import Deadline
from sessions.errors import ErrorCode
from sessions.event_streams import LogPosition
from sessions.principals import Principal

blueprint = Blueprint("events", __name__, description="What happened to a device")

STREAM = {"type": "string", "description": "Server-sent events; `data` is one JSON object."}


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


@blueprint.route("/events/stream", methods=["GET"], head=False)
@tenant_token_required
@blueprint.arguments(StreamQuery, location="query")
@blueprint.arguments(StreamHeaders, location="headers")
@blueprint.errors(
    *TOKEN,
    *DEVICE,
    ErrorCode.VALIDATION_ERROR,
    ErrorCode.DEVICE_NOT_LINKED,
    ErrorCode.QUOTA_EXCEEDED,
)
@blueprint.response(200, STREAM, content_type=CONTENT_TYPE, example=examples.STREAMED)
def stream_events(principal: Principal, query: dict[str, Any], headers: dict[str, Any]) -> Response:
    """Tell what happened to the device and what happens from now on, as server-sent events.

    Each event is named like its `event`, has what `GET /events` gives of it as `data`, and its
    place in the log as `id`, `epoch:sequence`. Sent back as `Last-Event-ID`, the stream goes on
    behind it, and misses and repeats nothing. An event `reset` says that this is not possible: the
    log no longer reaches back so far, or is another one since a backup was restored; what follows
    are all the events that are kept. Its data are `oldest`, `latest` and `epoch`.

    A stream tells every 15 seconds that it lives, and ends after 5 minutes, when the service stops,
    or when the token is good no longer: ask again. Streams share their slots with requests that
    `wait`.
    """
    refuse_unknown(StreamQuery)
    stream = service().event_streams.open(
        principal,
        chosen_device(query),
        position=headers.get("last_event_id", LogPosition(0)),
        types=query.get("types", ()),
        identify=keep_identifying(),
    )
    return answer_stream(stream)
