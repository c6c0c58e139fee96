"""Clients that stall, crowd or wait leave all others alone; a full or locked disk is told."""

from __future__ import annotations

import re
import signal
import socket
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from app.processes import wait_for, wait_ready
from tests.support.service import Caller, Service, free_port, running_service
from tests.support.simulator import Phone, Simulator

CHAT = "15557000001@s.whatsapp.net"
THREADS = 160
SOON = 3.0
"""Seconds in which a probe is answered: much less than the ten after which silence is punished."""


@pytest.fixture
def guarded(tmp_path: Path, simulator: Simulator) -> Iterator[Service]:
    """A service with a management listener, whose port is the API's setting."""
    bind = f"127.0.0.1:{free_port()}"
    with running_service(tmp_path, simulator, WUTS_MANAGEMENT_BIND=bind) as service:
        yield service


def management(service: Service, path: str) -> httpx.Response:
    """Ask the management listener."""
    url = f"http://{service.settings['WUTS_MANAGEMENT_BIND']}{path}"
    return httpx.get(url, trust_env=False, timeout=SOON)


def assert_alive(service: Service) -> None:
    """Both listeners answer probes soon."""
    assert service.http.get("/healthz", timeout=SOON).status_code == 200
    assert management(service, "/healthz").status_code == 200
    assert management(service, "/readyz").status_code == 200


@contextmanager
def clients(service: Service, sends: Callable[[int], bytes], number: int) -> Iterator[None]:
    """Keep connections open that have sent something and then say nothing."""
    with ExitStack() as stack:
        for index in range(number):
            address = ("127.0.0.1", service.port)
            connection = stack.enter_context(socket.create_connection(address, timeout=SOON))
            connection.sendall(sends(index))
        yield


@pytest.mark.parametrize(
    "sends",
    [
        lambda _: b"",
        lambda _: b"GET /healthz HTTP/1.1\r\nHost: x\r\n",
        lambda _: b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\n",
    ],
    ids=["nothing", "half a head", "one request and half a head"],
)
def test_silent_clients(guarded: Service, phone: Phone, sends: Callable[[int], bytes]) -> None:
    """160 half-open clients leave health and other tenants alive."""
    caller = guarded.register().link(phone)
    with clients(guarded, sends, THREADS):
        assert_alive(guarded)
        assert caller.archive(CHAT).status_code == 200
    assert phone.is_archived(CHAT) is True


def test_clients_that_stall_in_a_body(guarded: Service, phone: Phone) -> None:
    """Strangers who never send the body they announced are refused, and hold nobody up."""
    caller = guarded.register().link(phone)
    head = b"POST /register HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    with clients(guarded, lambda _: head + b"Content-Length: 99\r\n\r\n{", THREADS):
        assert management(guarded, "/healthz").status_code == 200

        def alive() -> bool | None:
            return guarded.http.get("/healthz", timeout=10 * SOON).is_success or None

        wait_for(alive, seconds=10 * SOON, what="health", child=guarded.child)
        assert caller.archive(CHAT).status_code == 200


def test_flood_of_long_polls(guarded: Service, phone: Phone) -> None:
    """However many long-polls one tenant sends, few wait, and others are served at once."""
    flooding = guarded.register()
    flooding.request("POST", "/devices", json={"name": "never linked"})
    caller = guarded.register().link(phone)
    path = "/status?wait=10&until=connected"
    with ThreadPoolExecutor(100) as threads:
        polls = [threads.submit(flooding.request, "GET", path) for _ in range(100)]

        def four_wait() -> bool | None:
            return "wuts_poll_slots_used 4.0" in management(guarded, "/metrics").text or None

        wait_for(four_wait, seconds=9, what="four long-polls", child=guarded.child)
        busy = re.search(r"wuts_request_threads (\d+)", management(guarded, "/metrics").text)
        assert busy is not None
        assert int(busy[1]) >= 4
        assert_alive(guarded)
        assert caller.archive(CHAT).status_code == 200
        assert {poll.result(timeout=60).status_code for poll in polls} == {200}


def test_reload_under_load(guarded: Service, phone: Phone) -> None:
    """HUP is break-before-make: requests get an answer or no connection, the device comes back."""
    caller = guarded.register().link(phone)
    outcomes: list[int | None] = []
    hung_up = False

    def archive(number: int) -> int | None:
        nonlocal hung_up
        if number == 40:
            guarded.child.process.send_signal(signal.SIGHUP)
            hung_up = True
        try:
            answer = caller.archive(f"1555700{number:04}@s.whatsapp.net")
        except httpx.ConnectError:
            return None
        assert answer.json()["success"] is (answer.status_code == 200)
        assert answer.status_code == 200 or "Retry-After" in answer.headers
        if answer.status_code == 200:
            assert phone.is_archived(f"1555700{number:04}@s.whatsapp.net") is True
        return answer.status_code

    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(archive, range(200)))
    assert hung_up
    assert 200 in outcomes[:40]
    assert set(outcomes) <= {200, 503, 504, None}

    def booted() -> bool | None:
        return guarded.logs().count('"Booting worker') == 2 or None

    wait_for(booted, seconds=40, what="the new worker", child=guarded.child)
    wait_ready(guarded.child, guarded.url)
    caller.wait_usable()
    assert caller.archive(CHAT).status_code == 200


def test_locked_database(guarded: Service, phone: Phone) -> None:
    """While somebody keeps the database locked nothing is sent, and readiness says so."""
    caller = guarded.register().link(phone)
    before = phone.version()
    stranger = sqlite3.connect(guarded.data / "wuts.db", isolation_level=None)
    stranger.execute("BEGIN IMMEDIATE")

    def not_ready() -> bool | None:
        return management(guarded, "/readyz").status_code == 503 or None

    wait_for(not_ready, seconds=20, what="the end of readiness", child=guarded.child)
    assert management(guarded, "/readyz").json()["components"]["database"] == "fail"
    assert_refused(caller)
    assert guarded.http.get("/healthz").status_code == 200
    assert phone.version() == before
    stranger.close()
    wait_for(lambda: not not_ready() or None, seconds=20, what="readiness", child=guarded.child)
    assert caller.archive(CHAT).status_code == 200


def test_full_disk(guarded: Service, phone: Phone) -> None:
    """On a disk that counts as full nothing is sent; reading goes on."""
    caller = guarded.register().link(phone)
    before = phone.version()
    guarded.child.stop()
    guarded.settings |= {"WUTS_DISK_RESERVE_MIB": "999999999", "WUTS_DISK_ALERT_MIB": "999999999"}
    guarded.launch()

    def connected() -> bool | None:
        try:
            return caller.request("GET", "/status").json()["data"]["connected"] or None
        except (httpx.TransportError, KeyError):
            return None

    wait_for(connected, seconds=30, what="the connection", child=guarded.child)
    assert management(guarded, "/readyz").status_code == 503
    assert_refused(caller)
    assert "wuts_disk_low 1.0" in management(guarded, "/metrics").text
    assert "disk_space_low" in guarded.logs()
    assert phone.version() == before


def assert_refused(caller: Caller) -> None:
    """An archive is refused for the storage's sake, worth repeating."""
    answer = caller.archive(CHAT)
    assert (answer.status_code, answer.json()["error_code"]) == (503, "STORAGE_UNAVAILABLE")
    assert int(answer.headers["Retry-After"]) >= 1
