"""What happens around every request: id, deadline, gate, headers and its line in the log."""

from __future__ import annotations

import random
import re
import time
import uuid
from functools import cache

import structlog
from flask import Flask, Request, Response, g, request
from flask.globals import request_ctx

from app.context import context
from app.lifecycle import State
from app.logs import hash_jid
from app.management import MANAGEMENT
from app.resources import health
from sessions.deadline import Deadline
from sessions.errors import NotFound, ShuttingDown, StorageUnavailable

log = structlog.get_logger(__name__)

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
OPEN_BLUEPRINTS = frozenset({health.blueprint.name, "docs"})
UNROUTED = "none"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def begin() -> None:
    """Give the request its id and its deadline."""
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if REQUEST_ID.fullmatch(given) else _new_id()
    g.started = time.monotonic()
    g.deadline = Deadline.after(context().settings.request_timeout)
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _new_id() -> str:
    # Not from the system's generator: each look at it is a wait for other threads.
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


def refuse_doubled_slash() -> None:
    """Answer 404 to a path that begins with two slashes; werkzeug would take them for one."""
    if request.environ.get("PATH_INFO", "").startswith("//"):
        raise NotFound


def check_gate() -> None:
    """Refuse what needs the service while it is not there: it starts, or it stops."""
    if MANAGEMENT in request.environ and request.blueprint != health.blueprint.name:
        raise NotFound
    if request.routing_exception or request.blueprint in OPEN_BLUEPRINTS:
        return
    state = context().lifecycle.state
    if state in (State.CREATED, State.STARTING, State.FAILED):
        raise StorageUnavailable("the service is starting", retry_after=1)
    if state is State.STOPPING:
        raise ShuttingDown


def finish(response: Response) -> Response:
    """Add the headers that every answer has, and write the request's line."""
    headers, asked = response.headers, request_ctx.request
    headers["X-Request-Id"] = g.request_id
    headers["Cache-Control"] = "no-store"
    headers["X-Content-Type-Options"] = "nosniff"
    seconds = time.monotonic() - g.started
    method = asked.method if asked.method in METHODS else "other"
    route = route_template(asked)
    context().metrics.observe(
        route or UNROUTED, method, status=response.status_code, seconds=seconds
    )
    log.info(
        "request_finished",
        method=method,
        route=route,
        status=response.status_code,
        ms=round(seconds * 1000, 1),
        **_chat(asked),
    )
    return response


def forget(_: BaseException | None) -> None:
    """Let the thread's next log lines be nobody's."""
    structlog.contextvars.clear_contextvars()


def route_template(asked: Request) -> str | None:
    """Return the route as documented, such as `/chats/{chat_jid}/archive`; never the raw path."""
    return None if asked.url_rule is None else _template(asked.url_rule.rule)


@cache
def _template(rule: str) -> str:
    return re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", rule)


def _chat(asked: Request) -> dict[str, str]:
    jid = (asked.view_args or {}).get("chat_jid")
    return {} if jid is None else {"chat": hash_jid(jid, context().log_key())}


def register_request_hooks(app: Flask) -> None:
    """Run these around every request, in this order."""
    app.before_request(begin)
    app.before_request(refuse_doubled_slash)
    app.before_request(check_gate)
    app.after_request(finish)
    app.teardown_request(forget)
