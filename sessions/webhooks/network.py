"""Connections to receivers: to judged addresses alone, and never for longer than the time-out.

They are handed to httpcore, which speaks HTTP and TLS over them with the receiver's own name.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from dataclasses import dataclass

import httpcore

from sessions.deadline import Deadline
from sessions.webhooks.egress import Guard, Target

_MOST_BYTES = 16 * 1024


class AnswerTooLong(Exception):
    """The receiver answers more than anybody reads."""


class HandshakeFailed(Exception):
    """The receiver does not speak TLS, or shows no valid certificate."""


@dataclass(slots=True)
class Allowance:
    """What an attempt may still take: time, and bytes of the answer."""

    deadline: Deadline
    bytes_left: int = _MOST_BYTES

    def renew(self, seconds: float) -> None:
        """Begin another attempt."""
        self.deadline = Deadline.after(seconds)
        self.bytes_left = _MOST_BYTES

    def seconds(self, late: type[httpcore.TimeoutException]) -> float:
        """Return the seconds that are left; raises `late` when there are none."""
        if self.deadline.expired:
            raise late
        return self.deadline.remaining()


class GuardedStream(httpcore.NetworkStream):
    """A connection whose every read and write keeps to one allowance."""

    def __init__(self, stream: httpcore.NetworkStream, allowance: Allowance) -> None:
        self._stream = stream
        self._allowance = allowance

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        """Read what is there. Raises AnswerTooLong, ReadTimeout."""
        if self._allowance.bytes_left <= 0:
            raise AnswerTooLong
        wanted = min(max_bytes, self._allowance.bytes_left)
        read = self._stream.read(wanted, self._allowance.seconds(httpcore.ReadTimeout))
        self._allowance.bytes_left -= len(read)
        return read

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        """Write everything. Raises WriteTimeout."""
        self._stream.write(buffer, self._allowance.seconds(httpcore.WriteTimeout))

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        """Speak TLS from now on. Raises HandshakeFailed."""
        seconds = self._allowance.seconds(httpcore.ConnectTimeout)
        try:
            stream = self._stream.start_tls(ssl_context, server_hostname, seconds)
        except httpcore.ConnectError as error:
            raise HandshakeFailed from error
        return GuardedStream(stream, self._allowance)

    def get_extra_info(self, info: str) -> object:
        """Return what httpcore asks about the connection."""
        return self._stream.get_extra_info(info)


class GuardedBackend(httpcore.NetworkBackend):
    """Connects to a receiver. Whatever name httpcore asks for, it is the target's."""

    def __init__(self, guard: Guard, target: Target, allowance: Allowance) -> None:
        self._guard = guard
        self._target = target
        self._allowance = allowance
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,  # noqa: ARG002
        port: int,
        timeout: float | None = None,  # noqa: ARG002
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address that answers. Raises what `Guard.resolve` raises."""
        failure: Exception = httpcore.ConnectError()
        for address in self._guard.resolve(self._target, self._allowance.deadline):
            seconds = self._allowance.seconds(httpcore.ConnectTimeout)
            try:
                stream = self._sockets.connect_tcp(
                    address, port, seconds, socket_options=socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return GuardedStream(stream, self._allowance)
        raise failure
