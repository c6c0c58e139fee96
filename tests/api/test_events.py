"""GET /events."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask

from app.openapi import build_document
from bridge.fake import FakeBridge
from bridge.interface import Event
from schemas.events import DATA
from sessions.store import event_log
from tests.api.conftest import parts
from tests.support.api import Caller, link
from tests.support.mirror import NOW, now


@pytest.fixture
def device(caller: Caller, bridge: FakeBridge) -> str:
    """A linked device of the caller's."""
    return link(caller, bridge)


def read(caller: Caller, query: str = "") -> dict[str, Any]:
    """Read the log."""
    answer = caller.get(f"/events?{query}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def test_linking_is_in_the_log(caller: Caller, device: str) -> None:
    """Each step is an entry with the next number, and reading on begins behind the last one."""
    log = read(caller)
    told = [event["event"] for event in log["events"]]
    assert told == ["qr.generated", "pair.success", "device.connected"]
    assert [event["sequence"] for event in log["events"]] == [1, 2, 3]
    assert {event["device_id"] for event in log["events"]} == {device}
    assert (log["next_after"], log["epoch"]) == (3, 1)
    assert read(caller, "after=3")["events"] == []
    some = read(caller, "after=1&limit=1")
    assert (some["events"][0]["sequence"], some["next_after"]) == (2, 2)


def test_types(caller: Caller, device: str) -> None:
    """Only what was asked for comes, and reading on passes the others by."""
    log = read(caller, "types=pair.success,chat.pin")
    assert [event["event"] for event in log["events"]] == ["pair.success"]
    assert log["next_after"] == 3
    assert device


def test_wait(caller: Caller, device: str, bridge: FakeBridge) -> None:
    """A waiting request is answered as soon as something happens."""
    with ThreadPoolExecutor(1) as executor:
        waiting = executor.submit(read, caller, "after=3&wait=25")
        bridge.set_status(device, "disconnected", "connection_lost")
        (event,) = waiting.result(20)["events"]
    assert (event["event"], event["data"]["reason"]) == ("device.disconnected", "connection_lost")


@pytest.mark.parametrize("after", [4, 999_999_999])
def test_a_position_that_never_was(caller: Caller, device: str, after: int) -> None:
    """A position behind the newest entry is none: the log was another one."""
    answer = caller.get(f"/events?after={after}&device_id={device}")
    assert answer.status_code == 410
    body = answer.get_json()
    assert (body["error_code"], body["oldest"], body["latest"]) == ("CURSOR_EXPIRED", 1, 3)


def test_old_entries_go(app: Flask, caller: Caller, bridge: FakeBridge, device: str) -> None:
    """What is too old is no longer there, and who has not read it is told so."""
    gap = ("events.gap", NOW + 10**10, {"reason": "test"}, 10)
    bridge.emit(Event(caller.tenant_id, device, *gap))
    assert read(caller, "after=3&wait=25")["events"]
    with parts(app).service._environment.database.write() as transaction:
        event_log.remove_before(transaction, max(now(), NOW) + 1)
    assert [event["sequence"] for event in read(caller)["events"]] == [4]
    answer = caller.get("/events?after=1")
    assert (answer.status_code, answer.get_json()["oldest"]) == (410, 4)
    assert read(caller, "after=3")["events"]


@pytest.mark.parametrize(
    "query", ["type=chat.pin", "types=message.received", "wait=26", "after=-1"]
)
def test_bad_query(caller: Caller, device: str, query: str) -> None:
    """What is no parameter or no event is refused by its name."""
    answer = caller.get(f"/events?{query}&device_id={device}")
    assert answer.status_code == 400
    assert answer.get_json()["validation"][0]["field"] == query.partition("=")[0]


def test_every_event_has_a_schema() -> None:
    """The document describes the data of each event that is emitted."""
    schemas = build_document()["components"]["schemas"]
    assert {schema.__name__ for schema in DATA.values()} <= set(schemas)
