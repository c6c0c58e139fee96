"""gunicorn's threaded worker and logger, fitted to this service.

A client that stalls holds no thread, or gives it back; what is no HTTP is answered with the
envelope; neither is logged with what was sent; and a worker that could not start ends its master.
"""

from __future__ import annotations

import errno
import json
import logging
import selectors
import socket
import sys
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from typing import Any

import structlog
from gunicorn import util
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine, ParseException
from gunicorn.workers.gthread import ThreadWorker

from app.connections import Connection
from app.errors import build_envelope
from app.logs import configure_logging
from app.receiving import PatientParser, RequestStalled, limit_waiting
from sessions.collector import REQUEST_THREADS
from sessions.errors import InternalError, InvalidInput, Problem, RequestTimeout, ServiceError

log = structlog.get_logger(__name__)

DRAIN_SECONDS = 1
EXHAUSTED_SECONDS = 0.05
TRANSIENT = (errno.EAGAIN, errno.ECONNABORTED)
EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


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
        if isinstance(sys.exc_info()[1], BlockingIOError | TimeoutError):
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

    def get_thread_pool(self) -> ThreadPoolExecutor:
        """Make the threads for requests; each begins when all others have something to do."""
        return ThreadPoolExecutor(self.cfg.threads, thread_name_prefix=REQUEST_THREADS)

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

    def accept(self, listener: socket.socket) -> None:
        """Take a connection in; a thread gets it when a request's head is there."""
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno in EXHAUSTED:
                log.error("connection_not_accepted", cause=errno.errorcode[error.errno])
                time.sleep(EXHAUSTED_SECONDS)
            elif error.errno not in TRANSIENT:
                raise
            return
        self.nr_conns += 1
        self._receive(Connection(self.cfg, client, address, listener.getsockname()))

    def on_client_socket_readable(self, conn: Connection, client: socket.socket) -> None:
        """Receive the next request on a connection that was kept alive."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._receive(conn)

    def on_pending_socket_readable(self, conn: Connection, client: socket.socket) -> None:
        """Hand a connection to a thread once the head is whole."""
        if conn.has_head():
            super().on_pending_socket_readable(conn, client)

    def murder_pending(self) -> None:
        """Close the connections whose head has not come in time, and tell those who began one."""
        now = time.monotonic()
        late = (conn for conn in self.pending_conns if conn.timeout <= now and conn.has_begun)
        for conn in late:
            self.handle_error(None, conn.sock, conn.client, RequestStalled())
        super().murder_pending()

    def handle(self, conn: Connection) -> Any:
        """Serve one request of a connection; all of it has to come within its time.

        A connection that ends is closed here, for that may take a moment.
        """
        if conn.parser is None:
            conn.parser = PatientParser(self.cfg, conn.sock, conn.client)
        conn.parser.begin()
        result = super().handle(conn)
        if result is False:
            conn.linger()
        return result

    def finish_request(self, conn: Connection, fs: Future[Any]) -> None:
        """Receive the next request also when its beginning was read with the last one."""
        if not fs.cancelled() and fs.exception() is None and fs.result() is True and conn.leftover:
            conn.sock.setblocking(False)
            self._receive(conn)
        else:
            super().finish_request(conn, fs)

    def _receive(self, conn: Connection) -> None:
        """Give a connection to a thread if the head is there, and else to the poller."""
        conn.expect_head()
        if conn.has_head():
            conn.data_ready = True
            self.enqueue_req(conn)
            return
        self.pending_conns.append(conn)
        readable = partial(self.on_pending_socket_readable, conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, readable)

    def _cap_keepalive(self, deadline: float) -> None:
        """Let a stop wait no longer for heads than for connections that were kept alive."""
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)

    def _keepalive_after(self, conn: Connection, keepalive: bool) -> bool:
        """Close a connection whose unread rest is malformed or stalls: its answer is sent."""
        if not keepalive:
            return False
        try:
            return bool(conn.parser.finish_body(deadline=time.monotonic() + DRAIN_SECONDS))
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
