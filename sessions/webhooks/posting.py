"""Sends an event to its receiver, by HTTP."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpcore
import structlog

from sessions.deadline import Deadline
from sessions.webhooks.egress import (
    AddressRefused,
    Guard,
    LookUpTimedOut,
    NameNotFound,
    Target,
    parse_url,
)
from sessions.webhooks.messages import Message
from sessions.webhooks.network import Allowance, AnswerTooLong, GuardedBackend, HandshakeFailed
from sessions.webhooks.values import Failure, Outcome

_SUCCESS = range(200, 300)
# In a connection that was used before these may only say that the receiver had closed it.
_BROKEN = (httpcore.ReadError, httpcore.WriteError, httpcore.RemoteProtocolError)
_FAILURES: Mapping[type[Exception], Failure] = {
    AddressRefused: Failure.REFUSED_ADDRESS,
    NameNotFound: Failure.NAME_NOT_FOUND,
    LookUpTimedOut: Failure.TIMEOUT,
    HandshakeFailed: Failure.TLS,
    AnswerTooLong: Failure.BROKEN_ANSWER,
    httpcore.TimeoutException: Failure.TIMEOUT,
    httpcore.ConnectError: Failure.CONNECT,
    httpcore.NetworkError: Failure.BROKEN_ANSWER,
    httpcore.ProtocolError: Failure.BROKEN_ANSWER,
}

log = structlog.get_logger(__name__)


class Lines:
    """Makes connections to receivers."""

    def __init__(self, guard: Guard, ssl_context: ssl.SSLContext) -> None:
        self._guard = guard
        self._ssl_context = ssl_context

    @contextmanager
    def open(self, url: str) -> Iterator[Line]:
        """Give a line to a receiver, for as long as the body runs."""
        line = Line(url, guard=self._guard, ssl_context=self._ssl_context)
        try:
            yield line
        finally:
            line.close()


class Line:
    """A connection to one receiver, made when it is needed and kept until `close`. One thread."""

    def __init__(self, url: str, *, guard: Guard, ssl_context: ssl.SSLContext) -> None:
        self._target = parse_url(url)
        self._guard = guard
        self._ssl_context = ssl_context
        self._allowance = Allowance(Deadline.after(0))
        self._pool = self._open()
        self._was_used = False

    def post(self, message: Message, timeout: float) -> Outcome:
        """Send a message; it takes at most so many seconds. Whatever goes wrong is the outcome."""
        began = time.monotonic()
        self._allowance.renew(timeout)
        try:
            status, failure = self._send(message)
        except Exception as error:
            status, failure = None, classify(error)
            if failure is Failure.INTERNAL:
                log.exception("delivery_not_sent")
        if failure is not None:
            self.close()
        return Outcome(round((time.monotonic() - began) * 1000), status, failure)

    def close(self) -> None:
        """Close the connection; the next message makes a new one."""
        self._pool.close()
        self._pool = self._open()
        self._was_used = False

    def _send(self, message: Message) -> tuple[int, Failure | None]:
        try:
            answer = self._exchange(message)
        except _BROKEN:
            if not self._was_used:
                raise
            self.close()
            answer = self._exchange(message)
        self._was_used = True
        return answer

    def _exchange(self, message: Message) -> tuple[int, Failure | None]:
        target = self._target
        url = httpcore.URL(
            scheme="https" if target.is_secure else "http",
            host=target.host,
            port=target.port,
            target=target.path,
        )
        headers = [("Host", _name(target)), *message.headers.items()]
        with self._pool.stream("POST", url, headers=headers, content=message.body) as answer:
            failure = None if answer.status in _SUCCESS else Failure.HTTP_STATUS
            try:
                for _ in answer.iter_stream():
                    pass
            except AnswerTooLong:
                log.debug("answer_cut_off")
            except (*_BROKEN, httpcore.TimeoutException) as error:
                failure = failure or classify(error)
        return answer.status, failure

    def _open(self) -> httpcore.ConnectionPool:
        return httpcore.ConnectionPool(
            self._ssl_context,
            max_connections=1,
            network_backend=GuardedBackend(self._guard, self._target, self._allowance),
        )


def classify(error: Exception) -> Failure:
    """Return the class of what went wrong with an attempt."""
    found = (failure for known, failure in _FAILURES.items() if isinstance(error, known))
    return next(found, Failure.INTERNAL)


def _name(target: Target) -> str:
    """Return a receiver's name as the Host header has it."""
    host = f"[{target.host}]" if ":" in target.host else target.host
    is_default = target.port == (443 if target.is_secure else 80)
    return host if is_default else f"{host}:{target.port}"
