"""Receiving a request: no silence and no trickle may hold a thread for long.

The operating system ends a read after ten seconds of silence (`limit_waiting`). A client that sends
a byte now and then is never silent, so a request has a time in which all of it must have come.
"""

from __future__ import annotations

import socket
import struct
from typing import Any

from gunicorn.http.errors import ParseException
from gunicorn.http.parser import RequestParser
from gunicorn.http.unreader import SocketUnreader

from sessions.deadline import Deadline

SILENCE_SECONDS = 10
RECEIVE_SECONDS = 30


class RequestStalled(ParseException):
    """The rest of a request did not come in time."""


class PatientUnreader(SocketUnreader):
    """Reads a connection until the deadline of its present request. It never limits an answer."""

    def __init__(self, source: socket.socket) -> None:
        super().__init__(source)
        self.deadline = Deadline.after(RECEIVE_SECONDS)

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return what comes next. Raises RequestStalled."""
        if self.deadline.expired:
            raise RequestStalled
        try:
            return bytes(super().chunk(size_hint))
        except BlockingIOError:
            raise RequestStalled from None


class PatientParser(RequestParser):
    """gunicorn's parser of a connection, over a `PatientUnreader`."""

    def __init__(self, cfg: Any, source: socket.socket, address: Any) -> None:
        super().__init__(cfg, source, address)
        self.unreader = PatientUnreader(source)

    def begin(self) -> None:
        """Give the request that now begins its time."""
        self.unreader.deadline = Deadline.after(RECEIVE_SECONDS)


def limit_waiting(listener: Any, seconds: float = SILENCE_SECONDS) -> None:
    """Let the sockets that this one accepts wait so long for a read or a write at most.

    The kernel hands the options on. They work below Python's own time-outs, which gunicorn resets.
    """
    whole, fraction = divmod(seconds, 1)
    limit = struct.pack("ll", int(whole), int(fraction * 1_000_000))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
