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
from sessions.vault import generate_key
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
from tests.support.streams import Follower

SECRET = "the-secret-of-a-receiver-4d1c"
PASSWORD = "the-value-of-a-header-90ab"
EVENTS = ["chat.archive"]
CHANGES, BLOWS = 500, 3
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


def read_log(caller: Caller, *types: str) -> list[dict[str, Any]]:
    """Read the events of some types, or of the usual ones, from the log."""
    query = {"after": 0, "limit": 1000, "types": ",".join(types or EVENTS)}
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


def test_a_call_is_delivered(linked: Caller, phone: Phone) -> None:
    """Its offer names what is needed to reject it; row, log and deliveries agree on its end."""
    with receiving() as receiver:
        configure(linked, receiver, enabled_events=["call.offer", "call.terminate"])
        ringing = phone.ring(person(0), creator=person(0))
        wait_for(lambda: len(receiver.requests) >= 1, seconds=10, what="the offer")
        offer = verify(receiver.requests[0])
        assert (offer["event"], offer["data"]["call_id"]) == ("call.offer", ringing)
        answer = linked.request("POST", "/calls/reject", json={"call_id": ringing})
        assert answer.status_code == 200, answer.text
        phone.act(f"calls/{ringing}/end", reason="hangup")
        wait_for(lambda: len(receiver.requests) >= 2, seconds=10, what="the end")
    (seen,) = phone.calls()[ringing]["rejects"]
    assert (seen["call_id"], seen["creator"], seen["acked"]) == (ringing, person(0), True)
    delivered = [verify(request) for request in receiver.requests]
    assert delivered == read_log(linked, "call.offer", "call.terminate")
    assert delivered[1]["data"] == linked.request("GET", f"/calls/{ringing}").json()["call"]
    assert verify_in_javascript(receiver.requests) == [one.event for one in receiver.requests]


def test_own_listeners_get_nothing(linked: Caller) -> None:
    """The service refuses to send to itself, by address at once, and by name when it tries."""
    port = linked.service.port
    body = {"webhook_url": f"http://127.0.0.1:{port}/", "enabled_events": EVENTS}
    assert linked.request("POST", "/webhook", json=body).status_code == 400
    body["webhook_url"] = f"http://localhost:{port}/"
    assert linked.request("POST", "/webhook", json=body).status_code == 200
    assert linked.request("POST", "/webhook/test", json={}).json()["error"] == "refused_address"


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
    """Let the phone archive chats, one after the other, all but the last."""
    for number in range(CHANGES - 1):
        phone.write(archive={"jid": person(number), "archived": True})


def change_key(service: Service) -> None:
    """Kill gunicorn and start it with a new key before the old one; it refuses a wrong one."""
    service.kill()
    old = (service.data / "encryption-key").read_text().strip()
    service.settings["WUTS_ENCRYPTION_KEY"] = generate_key()
    assert service.launch().process.wait(60) != 0
    assert "encrypted with another key than that of WUTS_ENCRYPTION_KEY" in service.child.tail()
    service.settings["WUTS_ENCRYPTION_KEY"] = f"{generate_key()},{old}"
    service.start()


def interrupt(service: Service, receiver: Receiver, followers: Sequence[Follower]) -> None:
    """End what serves each time that a further part of the events has come, amid every stream.

    All of gunicorn is killed first; then its worker is replaced in order, and killed in the end.
    """
    blows = (change_key, Service.reload, Service.kill_worker)
    for number, blow in enumerate(blows, 1):
        enough = CHANGES * len(followers) * number // (len(blows) + 1)

        def is_time(enough: int = enough) -> bool:
            return len(receiver.requests) >= enough and all(one.is_open for one in followers)

        wait_for(is_time, seconds=60, what=f"{enough} deliveries, and open streams")
        blow(service)


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
    assert backwards <= BLOWS + 1


def test_kills_lose_nothing(service: Service, simulator: Simulator) -> None:
    """However the process ends, every event arrives and is told, each device's in order.

    The first delivery is refused: the retry comes in its time, whatever happens meanwhile, and what
    was signed before the key was changed is signed afterwards. Streams tell each event once.
    """
    phones = [simulator.add_phone() for _ in range(2)]
    callers = [service.register().link(phone) for phone in phones]
    followers = [Follower(caller, ",".join(EVENTS)) for caller in callers]
    with receiving(status(500), status(204)) as receiver, ThreadPoolExecutor() as threads:
        for caller in callers:
            configure(caller, receiver)
        happening = [threads.submit(change_chats, phone) for phone in phones]
        happening += [threads.submit(one.follow, CHANGES, seconds=90) for one in followers]
        interrupt(service, receiver, followers)
        for caller in callers:
            caller.wait_usable()
            assert caller.archive(person(CHANGES - 1)).status_code == 200
        for happened in happening:
            happened.result()
        total = CHANGES * len(callers)
        wait_for(
            lambda: len({request.headers["webhook-id"] for request in receiver.requests}) >= total,
            seconds=60,
            what="every event",
        )
        arrived = entries_of(receiver)
    for caller, follower in zip(callers, followers, strict=True):
        log = read_log(caller)
        assert len(log) == CHANGES
        check_arrived(arrived[log[0]["device_id"]], log)
        assert follower.entries == log
        assert True in follower.ends
        assert follower.ends.count(False) >= 2
    assert [phone.violations() for phone in phones] == [[], []]
