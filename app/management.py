"""The management listener: health, readiness and metrics on an address and threads of their own.

A service whose request threads are all busy still answers here. The application is the same one;
what came in here says so to it (`MANAGEMENT`), and is let to these three routes alone.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from socketserver import TCPServer, ThreadingMixIn
from threading import BoundedSemaphore, Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import structlog

from app.settings import Address
from sessions.deadline import Deadline

MANAGEMENT = "wuts.management"
MOST_CLIENTS = 16
CLIENT_SECONDS = 5
_POLL_SECONDS = 0.1

log = structlog.get_logger(__name__)

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class _Handler(WSGIRequestHandler):
    """Serves one request of one connection, and tells nobody but the application."""

    timeout = CLIENT_SECONDS

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the application writes the line."""


class _Server(ThreadingMixIn, WSGIServer):
    """Serves at most `MOST_CLIENTS` connections at once; more are closed."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: Address) -> None:
        self.address_family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        self._slots = BoundedSemaphore(MOST_CLIENTS)
        super().__init__((address.host, address.port), _Handler)

    def server_bind(self) -> None:
        """Bind without asking a name server for the name of the address."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread of its own, if there is one left."""
        if not self._slots.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve, and give the slot back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """A client that went away is none of our troubles."""
        log.debug("management_client_failed", exc_info=True)


class ManagementListener:
    """Serves an application's management routes from `start` to `stop`."""

    def __init__(self, address: Address, application: Application) -> None:
        self._address = address
        self._application = application
        self._server: _Server | None = None
        self._thread: Thread | None = None

    def start(self) -> None:
        """Listen. Raises OSError, whose text names the setting."""
        try:
            server = _Server(self._address)
        except OSError as error:
            raise OSError(
                f"the management listener can't have {self._address} ({error.strerror});"
                " WUTS_MANAGEMENT_BIND chooses another address, or none"
            ) from error
        server.set_app(self._serve)
        self._server = server
        self._thread = Thread(
            target=server.serve_forever, args=(_POLL_SECONDS,), name="management", daemon=True
        )
        self._thread.start()
        log.info("management_listening", address=str(self.address))

    @property
    def address(self) -> Address:
        """Where it listens: with the port that it was given, if it asked for any."""
        if self._server is None:
            return self._address
        return Address(self._address.host, self._server.server_port)

    def stop(self, deadline: Deadline) -> None:
        """Stop listening; what is being answered is answered."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._thread.join(deadline.remaining())
        self._server.server_close()
        self._server = None

    def _serve(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ[MANAGEMENT] = True
        return self._application(environ, start_response)
