"""Webhooks through gunicorn: what arrives, what happens while nobody takes it, and kills."""

from __future__ import annotations

import hmac
import json
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from app.processes import wait_for
from tests.support.baileys import node
from tests.support.receiver import (
    Received,
    Receiver,
    close_at_once,
    close_midway,
    hang,
    receiving,
    status,
)
from tests.support.service import Caller, Service, running_service
from tests.support.simulator import Phone, Simulator

SECRET = "the-secret-of-a-receiver-4d1c"
PASSWORD = "the-value-of-a-header-90ab"
EVENTS = ["chat.archive"]
CHANGES, KILLS = 200, 3
FIRST_CHAT = 15_557_100_000
TAIL = 87
VERIFIER = Path(__file__).parents[1] / "standardwebhooks" / "verify.js"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, simulator: Simulator) -> Iterator[Service]:
    """A service that tells as much as it can, and may send to loopback."""
    settings = {"WUTS_LOG_LEVEL": "debug", "WUTS_WEBHOOK_ALLOW": "127.0.0.0/8"}
    with running_service(tmp_path_factory.mktemp("hooks"), simulator, **settings) as service:
        yield service


def person(number: int) -> str:
    """Return the JID of a person."""
    return f"{FIRST_CHAT + number}@s.whatsapp.net"


def configure(caller: Caller, receiver: Receiver, **given: Any) -> None:
    """Have what is archived sent to the receiver."""
    body = {"webhook_url": receiver.url, "enabled_events": EVENTS, "secret": SECRET, **given}
    answer = caller.request("POST", "/webhook", json=body)
    assert answer.status_code == 200, answer.text


def read_log(caller: Caller) -> list[dict[str, Any]]:
    """Read the events of the webhook from the log."""
    query = {"after": 0, "limit": 1000, "types": ",".join(EVENTS)}
    return list(caller.request("GET", "/events", params=query).json()["events"])


def verify(request: Received) -> dict[str, Any]:
    """Check a request as a receiver does, by the library and by hand; returns the log's entry."""
    verified = Verifier(SECRET.encode()).verify(request.body, request.headers)
    unsigned = request.body[:-TAIL] + b"}"
    expected = hmac.new(SECRET.encode(), unsigned, "sha256").hexdigest()
    assert verified["signature"] == f"sha256={expected}"
    entry: dict[str, Any] = json.loads(unsigned)
    assert request.headers["webhook-id"] == entry["id"]
    return entry


def verify_in_javascript(requests: Sequence[Received]) -> list[dict[str, Any] | None]:
    """Return what the JavaScript library makes of requests; None where it refuses one."""
    given = [{"body": one.body.decode(), "headers": one.headers} for one in requests]
    command = [node(), str(VERIFIER)]
    text = json.dumps({"secret": SECRET, "requests": given})
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    found: list[dict[str, Any] | None] = json.loads(done.stdout)
    return found


def test_events_arrive_signed(linked: Caller) -> None:
    """A receiver can verify all that it gets, and gets what the log has; no secret is left open."""
    with receiving() as receiver:
        configure(linked, receiver, headers={"X-Password": PASSWORD})
        for number in range(3):
            assert linked.archive(person(number)).status_code == 200
        wait_for(lambda: len(receiver.requests) >= 3, seconds=10, what="three deliveries")
    assert [verify(request) for request in receiver.requests] == read_log(linked)
    assert {request.headers["x-password"] for request in receiver.requests} == {PASSWORD}
    forged = replace(receiver.requests[0], body=receiver.requests[0].body.replace(b"true", b"null"))
    events = [request.event for request in receiver.requests]
    assert verify_in_javascript([*receiver.requests, forged]) == [*events, None]
    data = linked.service.data
    left = [path.read_bytes() for path in data.rglob("*") if path.is_file()]
    left.append(linked.service.logs().encode())
    for secret in (SECRET, PASSWORD):
        assert not any(secret.encode() in content for content in left)


def waiting(caller: Caller, attempts: int) -> dict[str, Any]:
    """Wait until the oldest event has been tried so often in vain; returns its delivery."""

    def tried() -> dict[str, Any] | None:
        found = caller.request("GET", "/webhook/deliveries").json()["deliveries"]
        hits = [one for one in found if (one["status"], one["attempts"]) == ("waiting", attempts)]
        return hits[0] if hits else None

    return wait_for(tried, seconds=10, what=f"attempt {attempts}")


def test_a_receiver_in_trouble(linked: Caller) -> None:
    """What is refused, not answered or half answered waits, those behind it too, in order."""
    troubles = (status(500), hang, close_midway, close_at_once)
    errors = []
    with receiving(*troubles, status(204)) as receiver:
        configure(linked, receiver, timeout=1, retry_attempts=10)
        for number in range(3):
            assert linked.archive(person(number)).status_code == 200
        for attempts in range(1, len(troubles) + 1):
            delivery = waiting(linked, attempts)
            errors.append(delivery["error"])
            answer = linked.request("POST", f"/webhook/deliveries/{delivery['id']}/retry", json={})
            assert answer.status_code == 200, answer.text
        expected = len(troubles) + 3
        wait_for(lambda: len(receiver.requests) >= expected, seconds=10, what="the recovery")
    assert errors == ["http_status", "timeout", "broken_answer", "broken_answer"]
    first, *others = [event["sequence"] for event in read_log(linked)]
    assert receiver.sequences() == [first] * (len(troubles) + 1) + others


def change_chats(phone: Phone) -> None:
    """Let the phone archive chats, one after the other."""
    for number in range(CHANGES):
        phone.write(archive={"jid": person(number), "archived": True})


def kill_under_way(service: Service, receiver: Receiver, total: int) -> None:
    """Kill the process each time that a further part of the events has come, and start it."""
    for number in range(1, KILLS + 1):
        enough = total * number // (KILLS + 1)
        wait_for(
            lambda enough=enough: len(receiver.requests) >= enough,  # type: ignore[misc]
            seconds=60,
            what=f"{enough} deliveries",
        )
        service.kill()
        service.start()


def entries_of(receiver: Receiver) -> Mapping[str, list[dict[str, Any]]]:
    """Return what came, verified, by its device."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for request in list(receiver.requests):
        entry = verify(request)
        found[entry["device_id"]].append(entry)
    return found


def check_arrived(arrived: Sequence[dict[str, Any]], log: Sequence[dict[str, Any]]) -> None:
    """Everything came, for the first time in order; what came again is the same to the letter."""
    firsts: dict[int, dict[str, Any]] = {}
    for entry in arrived:
        assert firsts.setdefault(entry["sequence"], entry) == entry
    assert list(firsts.values()) == list(log)
    backwards = sum(two["sequence"] <= one["sequence"] for one, two in pairwise(arrived))
    assert backwards <= KILLS


def test_kills_lose_no_delivery(service: Service, simulator: Simulator) -> None:
    """Whenever the process is killed, every event arrives, each device's in order."""
    phones = [simulator.add_phone() for _ in range(2)]
    callers = [service.register().link(phone) for phone in phones]
    total = CHANGES * len(phones)
    with receiving() as receiver, ThreadPoolExecutor(len(phones)) as threads:
        for caller in callers:
            configure(caller, receiver)
        happening = [threads.submit(change_chats, phone) for phone in phones]
        kill_under_way(service, receiver, total)
        for happened in happening:
            happened.result()
        wait_for(
            lambda: len({request.headers["webhook-id"] for request in receiver.requests}) >= total,
            seconds=60,
            what="every event",
        )
        arrived = entries_of(receiver)
    for caller in callers:
        log = read_log(caller)
        assert len(log) == CHANGES
        check_arrived(arrived[log[0]["device_id"]], log)
    assert [phone.violations() for phone in phones] == [[], []]
