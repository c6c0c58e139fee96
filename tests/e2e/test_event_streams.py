"""Event streams through gunicorn: what they tell, whom they hold up, and what ends them."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from itertools import islice
from typing import Any

import httpx

from app.processes import wait_for
from tests.support.service import Caller, Service
from tests.support.simulator import Phone

CHAT = "15557000001@s.whatsapp.net"
SLOTS, SLOTS_PER_USER = 32, 4
SOON = 3.0


def events_of(answer: httpx.Response) -> Iterator[dict[str, Any]]:
    """Give the data of what a stream tells, as it comes."""
    for line in answer.iter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


def test_a_stream_and_requests_tell_the_same(linked: Caller) -> None:
    """What happens is told at once, and a stream that goes on anywhere sees what requests see."""
    with linked.service.client() as http:
        headers = {"Authorization": f"Bearer {linked.token}"}
        last = linked.request("GET", "/events", params={"limit": 1000}).json()["next_after"]
        headers["Last-Event-ID"] = f"1:{last}"
        with http.stream("GET", "/events/stream?types=chat.archive", headers=headers) as answer:
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["X-Request-Id"]
            told = events_of(answer)
            for archived in (True, False):
                assert linked.archive(CHAT, archived).status_code == 200
                event = next(told)
                assert (event["event"], event["data"]["archived"]) == ("chat.archive", archived)
        log = linked.request("GET", "/events", params={"limit": 1000}).json()["events"]
        for after in range(0, len(log), 5):
            headers["Last-Event-ID"] = str(after)
            with http.stream("GET", "/events/stream", headers=headers) as answer:
                expected = [event for event in log if event["sequence"] > after]
                assert list(islice(events_of(answer), len(expected))) == expected


def open_stream(caller: Caller, *, buffer: int | None = None) -> socket.socket:
    """Ask for a stream and read nothing."""
    connection = socket.socket()
    if buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    connection.settimeout(10)
    connection.connect(("127.0.0.1", caller.service.port))
    head = f"GET /events/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {caller.token}\r\n\r\n"
    connection.sendall(head.encode())
    return connection


def status_of(connection: socket.socket) -> int:
    """Read the status of an answer."""
    head = b""
    while b"\r\n" not in head:
        head += connection.recv(100)
    return int(head.split()[1])


def owner(service: Service) -> Caller:
    """Make a tenant with a device that is not linked."""
    caller = service.register()
    assert caller.request("POST", "/devices", json={"name": "new"}).status_code == 201
    return caller


def fill_log(caller: Caller) -> None:
    """Let a device have more to tell than fits between a server and its client."""
    (device,) = caller.request("GET", "/devices").json()["devices"]
    count, at = 100, int(time.time() * 1000)
    data = json.dumps({"reason": "x" * 100_000})
    rows = [(device["id"], n, device["id"], "events.gap", at, data) for n in range(1, count + 1)]
    with closing(sqlite3.connect(caller.service.data / "wuts.db")) as database, database:
        head = "INSERT INTO mirrors (device_id, epoch, sequence, revision, has_history)"
        database.execute(f"{head} VALUES (?, 1, ?, 0, 0)", (device["id"], count))
        head = "INSERT INTO events (device_id, sequence, id, type, at, data)"
        database.executemany(f"{head} VALUES (?, ?, ?, ?, ?, ?)", rows)


def has_slots(caller: Caller, number: int) -> bool | None:
    """Whether a user gets so many streams at once."""
    with ExitStack() as stack:
        streams = [stack.enter_context(open_stream(caller)) for _ in range(number)]
        return all(status_of(stream) == 200 for stream in streams) or None


def test_streams_hold_nobody_up(own_service: Service, phone: Phone) -> None:
    """64 clients want streams, 4 of which read nothing: the others are served, or told to wait.

    Commands and health go on; whoever stops reading or goes away gives his slot back; a stop ends
    all streams at once.
    """
    caller = own_service.register().link(phone)
    deaf = owner(own_service)
    fill_log(deaf)
    with ExitStack() as stack:
        for _ in range(SLOTS_PER_USER):
            stack.enter_context(open_stream(deaf, buffer=4096))
        users = [owner(own_service) for _ in range(15)]
        crowd = [stack.enter_context(open_stream(user)) for user in users for _ in range(4)]
        statuses = [status_of(stream) for stream in crowd]
        assert sorted(set(statuses)) == [200, 429]
        assert statuses.count(200) == SLOTS - SLOTS_PER_USER
        assert own_service.http.get("/healthz", timeout=SOON).status_code == 200
        assert caller.archive(CHAT).status_code == 200
        assert phone.is_archived(CHAT) is True
        refused = caller.request("GET", "/events/stream")
        assert (refused.status_code, refused.json()["error_code"]) == (429, "QUOTA_EXCEEDED")
        assert caller.request("GET", "/events", params={"after": 1}).status_code == 200
        for stream in crowd[:SLOTS_PER_USER]:
            stream.close()
        wait_for(lambda: has_slots(caller, 2), seconds=10, what="slots of those who went away")
        # Asking for their slots would take them: the next question would find them taken.
        wait_for(
            lambda: len(ends(own_service, "cut off")) >= SLOTS_PER_USER or None,
            seconds=30,
            what="the end of those who read nothing",
        )
        wait_for(lambda: has_slots(deaf, 1), seconds=10, what="a slot of those who read nothing")
        began = time.monotonic()
        own_service.child.process.send_signal(signal.SIGTERM)
        for stream, status in zip(crowd[SLOTS_PER_USER:], statuses[SLOTS_PER_USER:], strict=True):
            if status == 200:
                while stream.recv(65536):
                    pass
        assert time.monotonic() - began < SOON
        assert own_service.child.stop() == 0
    causes = {line["cause"] for line in lines_of(own_service, "stream_finished")}
    assert causes == {"client gone", "cut off", "SHUTTING_DOWN"}
    assert lines_of(own_service, "client_stalled")
    assert deaf.token not in own_service.logs()


def ends(service: Service, cause: str) -> list[dict[str, Any]]:
    """Return the log's lines about streams that ended for a cause."""
    return [line for line in lines_of(service, "stream_finished") if line["cause"] == cause]


def lines_of(service: Service, event: str) -> list[dict[str, Any]]:
    """Return the log's lines about an event."""
    lines = (json.loads(line) for line in service.logs().splitlines() if line.startswith("{"))
    return [line for line in lines if line.get("event") == event]
