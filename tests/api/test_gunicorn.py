"""gunicorn as it is set up here: one worker, no stalled threads, nothing unsaid in the log."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from app.processes import Child, wait_for, wait_ready
from app.receiving import limit_waiting
from tests.support.api import MASTER
from tests.support.service import free_port

Launch = Callable[..., "Server"]


class Server:
    """A gunicorn with the bridge's stand-in."""

    def __init__(self, folder: Path, options: list[str], environ: dict[str, str]) -> None:
        self.port = free_port()
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("WUTS_", "GUNICORN"))}
        config = ["-c", "python:app.gunicorn_conf"]
        self.child = Child.start(
            "gunicorn",
            [sys.executable, "-m", "gunicorn", *config, *options, "tests.support.fake_wsgi:app"],
            log=folder / f"log{self.port}",
            environ={
                **inherited,
                "WUTS_BIND": f"127.0.0.1:{self.port}",
                "WUTS_DATA_DIR": str(folder / "data"),
                "WUTS_MASTER_TOKEN": MASTER,
                "WUTS_MANAGEMENT_BIND": "",
                **environ,
            },
        )

    def wait_ready(self) -> None:
        """Wait until the service is ready."""
        wait_ready(self.child, f"http://127.0.0.1:{self.port}", seconds=30)

    def exchange(self, data: bytes, *, ends: bool = False) -> bytes:
        """Send bytes, perhaps the last ones, and return all that comes until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            connection.sendall(data)
            if ends:
                connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def lines(self) -> list[dict[str, str]]:
        """Return the log's lines."""
        return [json.loads(line) for line in self.child.log.read_text().splitlines()]

    def events(self, *names: str) -> list[str]:
        """Return the log's events that begin with one of the names, with the part they name."""
        return [
            " ".join(filter(None, [line["event"].split(" with ")[0], line.get("part")]))
            for line in self.lines()
            if line["event"].startswith(names)
        ]


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    """Start servers that are stopped at the end."""
    servers: list[Server] = []

    def start(*options: str, **environ: str) -> Server:
        servers.append(Server(tmp_path, list(options), environ))
        return servers[-1]

    yield start
    for server in servers:
        server.child.stop()


@pytest.mark.parametrize(
    ("options", "environ", "named"),
    [
        (["-w", "2"], {}, "workers"),
        ([], {"GUNICORN_CMD_ARGS": "--workers 2"}, "workers"),
        (["--preload"], {}, "preload_app"),
        (["-k", "sync"], {}, "worker_class"),
        (["--max-requests", "5"], {}, "max_requests"),
        ([], {"WUTS_BIND": "nowhere"}, "WUTS_BIND"),
        ([], {"WUTS_UNHEARD_OF": "1"}, "WUTS_UNHEARD_OF"),
    ],
)
def test_refused_starts(
    launch: Launch, options: list[str], environ: dict[str, str], named: str
) -> None:
    """What would make a second worker, or is no setting, ends the start with one sentence."""
    server = launch(*options, **environ)
    assert server.child.process.wait(30) != 0
    assert server.child.tail(1).startswith("WUTS cannot start: ")
    assert named in server.child.tail(1)


def test_reload_is_break_before_make(launch: Launch) -> None:
    """On HUP the old worker lets go of the data before the new one begins; TTIN adds none."""
    server = launch()
    server.wait_ready()
    server.child.process.send_signal(signal.SIGTTIN)
    server.child.process.send_signal(signal.SIGHUP)

    def restarted() -> bool:
        return len(server.events("part_started")) == 6

    wait_for(lambda: restarted() or None, seconds=30, what="the new worker")
    server.wait_ready()
    parts = ["data_directory", "master_token", "service"]
    begun = ["Booting worker", *(f"part_started {part}" for part in parts)]
    ended = [f"part_stopped {part}" for part in reversed(parts)]
    assert server.events("Booting worker", "part_") == [*begun, *ended, *begun]
    assert server.child.stop() == 0


def test_second_process(launch: Launch) -> None:
    """A second process answers 503 while it waits for the data, then ends with one sentence."""
    first = launch()
    first.wait_ready()
    second = launch(WUTS_LOCK_TIMEOUT="3")

    def answered() -> httpx.Response | None:
        try:
            return httpx.get(f"http://127.0.0.1:{second.port}/devices", trust_env=False)
        except httpx.TransportError:
            return None

    answer = wait_for(answered, seconds=20, what="an answer")
    assert (answer.status_code, answer.json()["error_code"]) == (503, "STORAGE_UNAVAILABLE")
    assert int(answer.headers["Retry-After"]) > 0
    assert second.child.process.wait(30) != 0
    (failed,) = [line for line in second.lines() if line["event"] == "start_failed"]
    assert "data directory" in failed["error"]
    assert first.child.process.poll() is None


def test_unusable_data(launch: Launch, tmp_path: Path) -> None:
    """What can't be used of the data ends the start with one sentence that names the file."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "wuts.db").write_bytes(b"no database" * 1000)
    server = launch()
    assert server.child.process.wait(30) != 0
    (failed,) = [line for line in server.lines() if line["event"] == "start_failed"]
    told = f"WUTS cannot start: {data}/wuts.db can't be used: file is not a database"
    assert failed["error"] == told


def test_malformed_and_stalled_requests(launch: Launch) -> None:
    """What is no HTTP gets the envelope, a stalled client is dropped, and no line repeats them."""
    server = launch()
    server.wait_ready()
    head = (
        f"POST /register HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {MASTER}\r\n"
        "Content-Type: application/json\r\n"
    ).encode()
    with ThreadPoolExecutor(4) as threads:
        half_head = threads.submit(server.exchange, b"GET /my-secret HTTP/1.1\r\nHost: x\r\n")
        half_body = threads.submit(server.exchange, head + b"Content-Length: 50\r\n\r\n{")
        chunked = head + b"Transfer-Encoding: chunked\r\n\r\n"
        bad_chunk = threads.submit(server.exchange, chunked + b"ZZ\r\n")
        garbage = threads.submit(server.exchange, b"my-secret nonsense\r\n\r\n")
        for answer in (half_head.result(), half_body.result()):
            assert answer.startswith(b"HTTP/1.1 408 ")
            assert b"REQUEST_TIMEOUT" in answer
        for answer in (bad_chunk.result(), garbage.result()):
            assert answer.startswith(b"HTTP/1.1 400 ")
            assert b"VALIDATION_ERROR" in answer
            assert answer.count(b"HTTP/1.1") == 1
    log = server.child.log.read_text()
    assert "my-secret" not in log
    assert MASTER not in log
    malformed = [line for line in server.lines() if line["event"] == "request_malformed"]
    assert {line["cause"] for line in malformed} == {"RequestStalled", "InvalidRequestLine"}
    told = {request_id(half_head.result()), request_id(garbage.result())}
    assert {line["request_id"] for line in malformed} == told


def test_a_body_that_is_cut_off(launch: Launch) -> None:
    """A body that ends before its announced length is answered 408, and nothing is done."""
    server = launch()
    server.wait_ready()
    body = b'{"tenant_name": "Home", "email": "me@example.com"}'
    head = (
        f"POST /register HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {MASTER}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body) + 1}\r\n\r\n"
    ).encode()
    assert server.exchange(head + body, ends=True).startswith(b"HTTP/1.1 408 ")
    tenants = httpx.get(
        f"http://127.0.0.1:{server.port}/tenants",
        headers={"Authorization": f"Bearer {MASTER}"},
        trust_env=False,
    )
    assert tenants.json()["count"] == 0


def trickle(server: Server, data: bytes) -> bytes:
    """Send some bytes and then one more every tenth of a second, and return the answer."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=0.1) as connection:
        connection.sendall(data)
        for _ in range(200):
            try:
                return connection.recv(65536)
            except TimeoutError:
                connection.sendall(b"x")
    return b""


def test_clients_that_trickle(launch: Launch) -> None:
    """However many send a byte now and then, each is answered 408 in time and its thread freed."""
    slots = {"WUTS_THREADS": "3", "WUTS_COMMAND_SLOTS": "1", "WUTS_POLL_SLOTS": "1"}
    server = launch(TEST_RECEIVE_SECONDS="1", **slots)
    server.wait_ready()
    head = b"GET / HTTP/1.1\r\nX-Slow: "
    body = b"POST /register HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    body += f"Authorization: Bearer {MASTER}\r\nContent-Length: 1000\r\n\r\n".encode()
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda data: trickle(server, data), [head, body] * 3))
    assert {answer[:12] for answer in answers} == {b"HTTP/1.1 408"}
    assert httpx.get(f"http://127.0.0.1:{server.port}/healthz", trust_env=False).is_success


@contextmanager
def owner_of_a_device(server: Server) -> Iterator[httpx.Client]:
    """Give the client of a user with a device."""
    with httpx.Client(
        base_url=f"http://127.0.0.1:{server.port}", trust_env=False, timeout=30
    ) as http:
        tenant = {"tenant_name": "Home", "email": "me@example.com"}
        master = {"Authorization": f"Bearer {MASTER}"}
        token = http.post("/register", json=tenant, headers=master).json()["token"]
        http.headers["Authorization"] = f"Bearer {token}"
        http.post("/devices", json={"name": "phone"})
        yield http


def test_answers_may_take_longer_than_requests(launch: Launch) -> None:
    """What has been received is worked on for as long as it takes."""
    server = launch(TEST_RECEIVE_SECONDS="1")
    server.wait_ready()
    with owner_of_a_device(server) as http:
        answer = http.get("/status", params={"wait": 2})
        assert answer.status_code == 200
        assert answer.elapsed.total_seconds() >= 2
        assert http.get("/status").status_code == 200


def test_a_killed_master(launch: Launch) -> None:
    """A worker whose master was killed releases who waits, and lets go of the data at once."""
    server = launch(WUTS_METRICS_TOKEN=MASTER[::-1])
    server.wait_ready()
    metrics = {"Authorization": f"Bearer {MASTER[::-1]}"}

    def is_polled() -> bool:
        told = httpx.get(
            f"http://127.0.0.1:{server.port}/metrics", headers=metrics, trust_env=False
        )
        return "poll_slots_used 1" in told.text

    with owner_of_a_device(server) as http, ThreadPoolExecutor(1) as threads:
        poll = threads.submit(http.get, "/status", params={"wait": 25})
        wait_for(is_polled, seconds=10, what="a long-poll")
        server.child.process.kill()
        answer = poll.result(10)
    assert (answer.status_code, answer.json()["error_code"]) == (503, "SHUTTING_DOWN")
    assert answer.elapsed.total_seconds() < 10
    launch(WUTS_LOCK_TIMEOUT="10").wait_ready()


def request_id(answer: bytes) -> str:
    """Return the id that an answer was given."""
    (line,) = [line for line in answer.split(b"\r\n") if line.startswith(b"X-Request-Id: ")]
    return line.partition(b": ")[2].decode()


def test_accepted_sockets_inherit_the_limit() -> None:
    """A read on an accepted socket ends after the listener's limit, whatever Python's own is."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        limit_waiting(listener, 0.05)
        with socket.create_connection(listener.getsockname()):
            accepted, _ = listener.accept()
            with accepted:
                accepted.setblocking(True)
                with pytest.raises(BlockingIOError):
                    accepted.recv(1)
