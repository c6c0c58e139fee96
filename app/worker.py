"""gunicorn's threaded worker and logger, fitted to this service.

A client that stalls gives its thread back; what is no HTTP is answered with the envelope; neither
is logged with what was sent; and a worker that could not start ends its master.
"""

from __future__ import annotations

import json
import logging
import socket
import sys
import uuid
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import structlog
from gunicorn import util
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine, ParseException
from gunicorn.workers.gthread import ThreadWorker

from app.errors import build_envelope
from app.logs import configure_logging
from app.receiving import PatientParser, RequestStalled, limit_waiting
from sessions.errors import InternalError, InvalidInput, Problem, RequestTimeout, ServiceError

log = structlog.get_logger(__name__)


class ServerLogger(Logger):
    """gunicorn's own messages, as lines of the service's log."""

    def setup(self, cfg: Any) -> None:
        """Let the root logger write what gunicorn says."""
        self.cfg = cfg
        self._access_log_enabled = False
        configure_logging(cfg.loglevel)
        self.error_log.propagate = True
        # Below "info" gunicorn writes down every raw path.
        level = logging.getLevelNamesMapping()[cfg.loglevel.upper()]
        self.error_log.setLevel(max(logging.INFO, level))

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Log a defect; a client that stalls is none."""
        if isinstance(sys.exc_info()[1], BlockingIOError):
            log.info("client_stalled")
            return
        super().exception(msg, *args, **kwargs)


class Worker(ThreadWorker):
    """The one worker. `fail` makes it end with the exit code that stops the master, too.

    `before_stopping` is invoked when the master is gone, which ends the worker without a signal.
    """

    failed = False
    before_stopping: Callable[[], None] | None = None

    def init_process(self) -> None:
        """Give every socket that will be accepted its time-outs, then serve."""
        for listener in self.sockets:
            limit_waiting(listener)
        super().init_process()

    def run(self) -> None:
        """Serve until told to stop."""
        super().run()
        if self.failed:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)

    def fail(self) -> None:
        """Stop serving, for good. May be invoked from any thread."""
        self.failed = True
        self.alive = False
        self.method_queue.defer(lambda: None)

    def is_parent_alive(self) -> bool:
        """Whether the master still is there; without it nobody would stop this worker."""
        is_alive = bool(super().is_parent_alive())
        if not is_alive and self.before_stopping is not None:
            self.before_stopping()
        return is_alive

    def handle(self, conn: Any) -> Any:
        """Serve one request of a connection; all of it has to come within its time."""
        if conn.parser is None:
            conn.parser = PatientParser(self.cfg, conn.sock, conn.client)
        conn.parser.begin()
        return super().handle(conn)

    def _keepalive_after(self, conn: Any, keepalive: bool) -> bool:
        """Close a connection whose unread rest is malformed or stalls: its answer is sent."""
        try:
            return bool(super()._keepalive_after(conn, keepalive))
        except (ParseException, OSError):
            return False

    def handle_error(self, _: Any, client: socket.socket, __: Any, exc: Exception) -> None:
        """Answer what could not be handed to the application."""
        status, error = describe_failure(exc)
        request_id = str(uuid.uuid4())
        log.warning(
            "request_malformed",
            status=status.value,
            cause=type(exc).__name__,
            request_id=request_id,
        )
        try:
            util.write_nonblock(client, render_answer(status, error, request_id=request_id))
        except OSError:
            log.debug("answer_not_sent")


def describe_failure(error: Exception) -> tuple[HTTPStatus, ServiceError]:
    """Tell what a failure outside the application is in HTTP's terms and in ours."""
    problems = [Problem("request", "Is not a valid HTTP request.")]
    if isinstance(error, RequestStalled):
        return HTTPStatus.REQUEST_TIMEOUT, RequestTimeout()
    if isinstance(error, LimitRequestLine):
        return HTTPStatus.REQUEST_URI_TOO_LONG, InvalidInput(problems)
    if isinstance(error, LimitRequestHeaders):
        return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, InvalidInput(problems)
    if isinstance(error, ParseException):
        return HTTPStatus.BAD_REQUEST, InvalidInput(problems)
    log.error("request_failed", exc_info=error)
    return HTTPStatus.INTERNAL_SERVER_ERROR, InternalError()


def render_answer(status: HTTPStatus, error: ServiceError, *, request_id: str) -> bytes:
    """Write an error's whole answer, after which the connection is closed."""
    body = json.dumps(build_envelope(error)).encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        "Connection: close\r\n"
        "Content-Type: application/json\r\n"
        "Cache-Control: no-store\r\n"
        f"X-Request-Id: {request_id}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
