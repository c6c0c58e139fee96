"""Server-sent events: what a stream tells, as text, for as long as its client listens.

A stream runs in its request's thread, after the view and everything around it are done. It is no
error that it ends: a client asks again, with the last `id` that it has got.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping

import structlog
from flask import Response, request
from structlog.contextvars import bind_contextvars, clear_contextvars, get_contextvars

from app.auth import keep_asking
from app.connections import is_gone
from app.receiving import SILENCE_SECONDS
from schemas.events import Event
from sessions.errors import ServiceError
from sessions.event_streams import EventStream, Portion
from sessions.principals import Principal

CONTENT_TYPE = "text/event-stream"
RETRY = b"retry: 1000\n"
CLIENT = "gunicorn.socket"
_ENDED = "its time was over"

log = structlog.get_logger(__name__)


class ClientGone(Exception):
    """Nobody listens any more."""


def keep_identifying() -> Callable[[], Principal]:
    """Return what says who listens to the present request's stream.

    It raises Unauthorized for a token that is good no longer, and ClientGone.
    """
    ask = keep_asking()
    client = request.environ.get(CLIENT)

    def identify() -> Principal:
        if client is not None and is_gone(client):
            raise ClientGone
        return ask()

    return identify


def answer_stream(stream: EventStream) -> Response:
    """Answer with a stream, which is closed whatever becomes of the answer."""
    client = request.environ.get(CLIENT)
    if client is not None:
        # The kernel's limit on silence begins anew whenever a little was sent.
        client.settimeout(SILENCE_SECONDS)
    response = Response(_tell(stream, get_contextvars()), content_type=CONTENT_TYPE)
    response.headers["X-Accel-Buffering"] = "no"
    response.call_on_close(stream.close)
    return response


def _tell(stream: EventStream, names: Mapping[str, str]) -> Iterator[bytes]:
    """Write portion after portion, under the names that the request has in the log."""
    bind_contextvars(**names)
    began, told, cause = time.monotonic(), 0, "cut off"
    schema = Event()
    try:
        yield RETRY
        for portion in stream:
            told += len(portion.entries)
            yield render(portion, schema)
        cause = _ENDED
    except ServiceError as error:
        cause = error.code.value
    except ClientGone:
        cause = "client gone"
    finally:
        seconds = round(time.monotonic() - began, 1)
        log.info("stream_finished", cause=cause, seconds=seconds, events=told)
        clear_contextvars()


def render(portion: Portion, schema: Event) -> bytes:
    """Write a portion; each event has its place in the log as its `id`.

    What passes entries of other types by, or only says that the stream lives, is an `id` alone: it
    moves a client's place and is no event to it.
    """
    epoch, sequence = portion.position.epoch, portion.position.sequence
    lines: list[str] = []
    if portion.reset is not None:
        kept = {"oldest": portion.reset.oldest, "latest": portion.reset.latest, "epoch": epoch}
        lines += ["event: reset", f"data: {_compact(kept)}", ""]
    for entry in portion.entries:
        lines += [f"id: {epoch}:{entry.sequence}", f"event: {entry.event}"]
        lines += [f"data: {_compact(schema.dump(entry))}", ""]
    if not portion.entries or portion.entries[-1].sequence != sequence:
        lines += [": alive", f"id: {epoch}:{sequence}", ""]
    return "".join(f"{line}\n" for line in lines).encode()


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
