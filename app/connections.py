"""A client's connection: parked until a request's head is there, closed without holding others up.

Clients that say nothing, or half a head, cost no thread: the worker's poller keeps them until the
head is whole or their time is over. The kernel is told how much more must come before it wakes the
poller again (SO_RCVLOWAT), so a client that sends byte after byte costs one wake-up each.
"""

from __future__ import annotations

import select
import socket
import time
from contextlib import suppress
from typing import Any

from gunicorn import util
from gunicorn.workers.gthread import TConn

from app.receiving import SILENCE_SECONDS

HEAD_END = b"\r\n\r\n"
MOST_PEEKED = 64 * 1024


class Connection(TConn):
    """gunicorn's connection, which knows how much of the next request's head is there."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._is_closed = False
        self._awaited = 1

    def expect_head(self) -> None:
        """Begin to wait for the next request."""
        self.timeout = time.monotonic() + SILENCE_SECONDS

    def has_head(self) -> bool:
        """Whether a thread can read the head without waiting: it is whole, too long, or cut off.

        If not, the socket counts as readable once more of it has come.
        """
        read = self.leftover
        try:
            peeked = self.sock.recv(MOST_PEEKED, socket.MSG_PEEK)
        except BlockingIOError:
            return HEAD_END in read
        except OSError:
            return True
        is_cut_off = len(peeked) < self._awaited
        if is_cut_off or HEAD_END in read + peeked or len(peeked) == MOST_PEEKED:
            self._wake_at(1)
            return True
        self._wake_at(len(peeked) + 1)
        return False

    @property
    def has_begun(self) -> bool:
        """Whether something of the next request has come."""
        return self._awaited > 1 or bool(self.leftover)

    @property
    def leftover(self) -> bytes:
        """What was read behind the last request: the beginning of the next one."""
        return b"" if self.parser is None else bytes(self.parser.unreader.buf.getvalue())

    def linger(self) -> None:
        """Close in the calling thread, giving the client a moment to read the answer."""
        self._is_closed = True
        self.sock.setblocking(True)
        util.close_graceful(self.sock)

    def close(self, graceful: bool = False) -> None:
        """Close, unless that is done; what was not read is dropped, lest the client see a reset."""
        if self._is_closed:
            return
        self._is_closed = True
        with suppress(OSError):
            self.sock.setblocking(False)
            self.sock.recv(MOST_PEEKED)
        super().close(graceful)

    def _wake_at(self, size: int) -> None:
        if size != self._awaited:
            self._awaited = size
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, size)


def is_gone(client: socket.socket) -> bool:
    """Tell whether a client that waits for an answer has closed the connection."""
    poll = select.poll()
    poll.register(client, select.POLLIN)
    if not poll.poll(0):
        return False
    try:
        return client.recv(1, socket.MSG_PEEK) == b""
    except OSError:
        return True
