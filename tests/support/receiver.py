"""A receiver of webhooks: an HTTP server on loopback that remembers what came."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        """Return the body, parsed."""
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed


Answer = Callable[["Handler"], None]


def status(code: int, text: bytes = b"", **headers: str) -> Answer:
    """Answer with a status."""

    def answer(handler: Handler) -> None:
        handler.send_response(code)
        for name, value in {"Content-Length": str(len(text)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(text)

    return answer


def hang(handler: Handler) -> None:
    """Answer nothing until the receiver is closed."""
    handler.receiver.closing.wait()
    handler.close_connection = True


def drip(handler: Handler) -> None:
    """Answer a byte at a time, for as long as anybody reads."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not handler.receiver.closing.wait(0.05):
        handler.wfile.write(b"x")
    handler.close_connection = True


def close_midway(handler: Handler) -> None:
    """Begin a good answer and end the connection."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    handler.close_connection = True


def close_at_once(handler: Handler) -> None:
    """End the connection without an answer."""
    handler.close_connection = True


class Handler(BaseHTTPRequestHandler):
    """Handles the requests of a connection."""

    protocol_version = "HTTP/1.1"
    server: Server

    @property
    def receiver(self) -> Receiver:
        """The receiver that it belongs to."""
        return self.server.receiver

    def do_POST(self) -> None:
        """Remember the request and answer as the receiver does now."""
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) < length:
            # The sender was killed midway, and a part of a request is none.
            self.close_connection = True
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            self.receiver.take(Received(self.path, headers, body))(self)
        except OSError:
            self.close_connection = True

    def handle(self) -> None:
        """Handle the requests, until the sender does not want any more."""
        try:
            super().handle()
        except OSError:
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


class Server(ThreadingHTTPServer):
    """The server of a receiver."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    receiver: Receiver


@dataclass(slots=True)
class Receiver:
    """What came, in order, and how the next requests are answered: the last answer for ever."""

    port: int
    answers: list[Answer] = field(default_factory=lambda: [status(204)])
    requests: list[Received] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        """Return where it is."""
        return f"http://127.0.0.1:{self.port}/hook"

    def take(self, request: Received) -> Answer:
        """Remember a request; returns how to answer it."""
        with self._lock:
            self.requests.append(request)
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def sequences(self) -> list[int]:
        """Return the sequences that came, in order."""
        with self._lock:
            return [request.event["sequence"] for request in self.requests]


@contextmanager
def receiving(*answers: Answer, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Run a receiver."""
    with Server(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        receiver = Receiver(server.server_port)
        if answers:
            receiver.answers = list(answers)
        server.receiver = receiver
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            receiver.closing.set()
            server.shutdown()
            thread.join()
