"""Connections that wait for a request's head without a thread."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from app.connections import MOST_PEEKED, Connection, is_gone

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def pair() -> Iterator[tuple[Connection, socket.socket]]:
    """A server's connection, and its client."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        accepted, address = listener.accept()
    config: Any = SimpleNamespace(is_ssl=False, keepalive=5)
    connection = Connection(config, accepted, address, ("127.0.0.1", 0))
    connection.expect_head()
    yield connection, client
    client.close()
    connection.close()


def is_readable(connection: Connection, seconds: float = 5) -> bool:
    """Whether the poller would wake up."""
    return bool(select.select([connection.sock], [], [], seconds)[0])


def test_a_whole_head(pair: tuple[Connection, socket.socket]) -> None:
    """A head that is there can be read, byte for byte."""
    connection, client = pair
    assert not connection.has_head()
    client.sendall(HEAD)
    assert is_readable(connection)
    assert connection.has_head()
    assert connection.sock.recv(1000) == HEAD


def test_half_a_head_wakes_nobody(pair: tuple[Connection, socket.socket]) -> None:
    """What came already does not wake the poller again; the next byte does."""
    connection, client = pair
    client.sendall(HEAD[:-2])
    assert is_readable(connection)
    assert not connection.has_head()
    assert not is_readable(connection, 0)
    client.sendall(HEAD[-2:-1])
    assert is_readable(connection)
    assert not connection.has_head()
    client.sendall(HEAD[-1:])
    assert is_readable(connection)
    assert connection.has_head()
    connection.sock.setblocking(True)
    assert connection.sock.recv(1) == HEAD[:1]


def test_a_client_that_goes_away(pair: tuple[Connection, socket.socket]) -> None:
    """Half a head whose client has gone is given to a thread, which finds the end."""
    connection, client = pair
    client.sendall(HEAD[:5])
    assert is_readable(connection)
    assert not connection.has_head()
    client.shutdown(socket.SHUT_WR)
    assert is_readable(connection)
    assert connection.has_head()


def test_a_head_without_end(pair: tuple[Connection, socket.socket]) -> None:
    """A head that is much too long is given to a thread, which refuses it."""
    connection, client = pair
    client.setblocking(False)
    sent = 0
    while not connection.has_head():
        sent += client.send(b"x" * 4096)
        assert sent <= 2 * MOST_PEEKED


def test_closing_twice(pair: tuple[Connection, socket.socket]) -> None:
    """A connection that was closed is not closed again, and its client sees an end."""
    connection, client = pair
    client.sendall(b"unread")
    assert is_readable(connection)
    connection.close()
    connection.close(graceful=True)
    assert client.recv(1) == b""


def test_whether_a_client_is_there(pair: tuple[Connection, socket.socket]) -> None:
    """A client is there while it says nothing or more, and gone once it has closed."""
    connection, client = pair
    assert not is_gone(connection.sock)
    client.sendall(HEAD)
    assert is_readable(connection)
    assert not is_gone(connection.sock)
    assert connection.sock.recv(1000) == HEAD
    client.close()
    assert is_readable(connection)
    assert is_gone(connection.sock)
