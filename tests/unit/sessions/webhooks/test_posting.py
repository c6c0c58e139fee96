"""One delivery over a real connection: what counts as taken, and what nobody can do to a sender."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from pathlib import Path

import httpx
import pytest

from sessions.webhooks.egress import Guard
from sessions.webhooks.messages import Message
from sessions.webhooks.posting import Lines
from sessions.webhooks.values import Failure, Outcome
from tests.support.certificates import make_contexts
from tests.support.receiver import (
    Answer,
    Receiver,
    close_at_once,
    close_midway,
    drip,
    hang,
    receiving,
    status,
)
from tests.support.service import free_port

GUARD = Guard([ip_network("127.0.0.0/8")], [])
NAME = "hook.example"


@pytest.fixture(scope="module")
def lines() -> Lines:
    """Connections as the service makes them, which may go to loopback."""
    return Lines(GUARD, httpx.create_ssl_context(trust_env=False))


def post(lines: Lines, url: str, *, timeout: float = 5) -> Outcome:
    """Send a message by a line of its own."""
    with lines.open(url) as line:
        return line.post(Message({"X-Own": "1"}, b"{}"), timeout)


@pytest.mark.parametrize(
    ("answer", "failure", "code"),
    [
        (status(200, b"fine"), None, 200),
        (status(204), None, 204),
        (status(200, b"x" * 100_000), None, 200),
        (status(301, Location="http://127.0.0.1:1/"), Failure.HTTP_STATUS, 301),
        (status(410), Failure.HTTP_STATUS, 410),
        (status(500), Failure.HTTP_STATUS, 500),
        (close_midway, Failure.BROKEN_ANSWER, 200),
        (close_at_once, Failure.BROKEN_ANSWER, None),
        (status(200, **{"X-Long": "x" * 20_000}), Failure.BROKEN_ANSWER, None),
    ],
)
def test_outcomes(lines: Lines, answer: Answer, failure: Failure | None, code: int | None) -> None:
    """2xx alone is success; redirects are not followed; nobody reads an answer for ever."""
    with receiving(answer) as receiver:
        outcome = post(lines, receiver.url)
    assert (outcome.failure, outcome.http_status) == (failure, code)
    (request,) = receiver.requests
    assert (request.path, request.body) == ("/hook", b"{}")
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert request.headers["x-own"] == "1"


@pytest.mark.parametrize("answer", [hang, drip])
def test_a_time_out_is_a_total(lines: Lines, answer: Answer) -> None:
    """A receiver that answers nothing, or a byte at a time, holds a sender no longer than that."""
    with receiving(answer) as receiver:
        began = time.monotonic()
        outcome = post(lines, receiver.url, timeout=0.3)
        lasted = time.monotonic() - began
    assert outcome.failure is Failure.TIMEOUT
    assert 0.3 <= lasted < 2
    assert outcome.duration_ms >= 300


def test_nobody_there(lines: Lines) -> None:
    """A port that nobody listens on, and what listens without speaking HTTP, are told apart."""
    assert post(lines, f"http://127.0.0.1:{free_port()}/").failure is Failure.CONNECT
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert post(lines, f"http://127.0.0.1:{port}/", timeout=0.2).failure is Failure.TIMEOUT


def test_the_guard_is_asked(lines: Lines) -> None:
    """What the guard refuses is not connected to."""
    with receiving() as receiver:
        outcome = post(lines, f"https://[::1]:{receiver.port}/")
    assert outcome.failure is Failure.REFUSED_ADDRESS
    assert receiver.requests == []


def test_a_name_that_changes(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is looked up once for a connection: what it means afterwards is judged by the next."""
    meanings = ["127.0.0.1", "10.0.0.1"]
    real = socket.getaddrinfo

    def look_up(host: str, *rest: object, flags: int = 0, **options: object) -> object:
        if host == NAME and not flags:
            return real(meanings.pop(0), *rest, **options)  # type: ignore[arg-type]
        return real(host, *rest, flags=flags, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with receiving() as receiver:
        url = f"http://{NAME}:{receiver.port}/"
        assert post(lines, url).is_success
        assert meanings == ["10.0.0.1"]
        assert post(lines, url).failure is Failure.REFUSED_ADDRESS
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("name", ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"])
def test_the_environment_does_not_count(
    lines: Lines, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """No proxy variable leads a delivery to anywhere else."""
    with receiving() as receiver, receiving() as proxy:
        monkeypatch.setenv(name, proxy.url)
        assert post(lines, receiver.url).is_success
    assert (len(receiver.requests), proxy.requests) == (1, [])


def test_a_connection_is_used_again(lines: Lines) -> None:
    """Events of one round share a connection; one that the receiver has closed is replaced."""
    with receiving(status(204), close_at_once, status(204)) as receiver:
        with lines.open(receiver.url) as line:
            outcomes = [line.post(Message({}, b"{}"), 5) for _ in range(3)]
        assert all(outcome.is_success for outcome in outcomes)
        # The second one met the closed connection, and was sent once more by a new one.
        assert len(receiver.requests) == 4


@contextmanager
def secure(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Receiver, Lines]]:
    """Run a receiver with TLS whose name means loopback; gives lines that trust it, too."""
    server, client = make_contexts(folder, NAME)
    real = socket.getaddrinfo

    def look_up(host: str, *rest: object, flags: int = 0, **options: object) -> object:
        if host == NAME and not flags:
            return real("127.0.0.1", *rest, **options)  # type: ignore[arg-type]
        return real(host, *rest, flags=flags, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with receiving(tls=server) as receiver:
        yield receiver, Lines(GUARD, client)


def test_certificates_are_verified(
    lines: Lines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receiver's own name is asked for and verified, though an address is connected to."""
    with secure(tmp_path, monkeypatch) as (receiver, trusting):
        url = f"https://{NAME}:{receiver.port}/"
        assert post(trusting, url).is_success
        assert receiver.requests[0].headers["host"] == f"{NAME}:{receiver.port}"
        assert post(lines, url).failure is Failure.TLS
        by_address = f"https://127.0.0.1:{receiver.port}/"
        assert post(trusting, by_address).failure is Failure.TLS
    assert len(receiver.requests) == 1


def test_no_tls_at_all(lines: Lines) -> None:
    """A receiver that does not speak TLS gets nothing."""
    with receiving() as receiver:
        outcome = post(lines, f"https://127.0.0.1:{receiver.port}/")
    assert (outcome.failure, receiver.requests) == (Failure.TLS, [])


def test_context_of_the_service() -> None:
    """The service verifies names and certificates."""
    context = httpx.create_ssl_context(trust_env=False)
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
