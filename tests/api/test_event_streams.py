"""GET /events/stream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from bridge.fake import FakeBridge
from sessions.event_streams import Pace
from tests.api.conftest import parts
from tests.support.api import Caller, link

QUICK = Pace(check=0.01, heartbeat=0.05, life=0.3)
LINKED = ["qr.generated", "pair.success", "device.connected"]


@pytest.fixture(scope="module", autouse=True)
def quick(app: Flask) -> Iterator[None]:
    """Let streams end soon."""
    streams = parts(app).service.event_streams
    before, streams._pace = streams._pace, QUICK
    yield
    streams._pace = before


@pytest.fixture
def device(caller: Caller, bridge: FakeBridge) -> str:
    """A linked device of the caller's."""
    return link(caller, bridge)


def listen(caller: Caller, query: str = "", *, last: str | None = None) -> TestResponse:
    """Open a stream."""
    headers = {} if last is None else {"Last-Event-ID": last}
    return caller.get(f"/events/stream?{query}", headers=headers)


def read(answer: TestResponse) -> list[dict[str, str]]:
    """Read a stream to its end; returns its blocks, each with its fields."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "text/event-stream"
    blocks = answer.text.removesuffix("\n\n").split("\n\n")
    return [
        {name: value for name, _, value in (line.partition(": ") for line in lines)}
        for lines in (block.split("\n") for block in blocks)
    ]


def test_the_log_is_told(caller: Caller, device: str) -> None:
    """Each entry comes as `GET /events` gives it, named by its type and with its place."""
    first, *others = read(listen(caller))
    assert first.pop("retry") == "1000"
    log = caller.get("/events").get_json()["events"]
    told = [first, *others[: len(LINKED) - 1]]
    assert [json.loads(block["data"]) for block in told] == log
    assert [block["event"] for block in told] == LINKED
    assert [block["id"] for block in told] == ["1:1", "1:2", "1:3"]
    quiet = others[len(LINKED) - 1 :]
    assert quiet
    assert all(block == {"": "alive", "id": "1:3"} for block in quiet)
    assert device


def test_going_on(caller: Caller, device: str) -> None:
    """The stream goes on behind the id, and passes other types by."""
    for last in ("1:2", "2"):
        told = [block for block in read(listen(caller, last=last)) if "event" in block]
        assert [block["event"] for block in told] == LINKED[2:]
    first, *others = read(listen(caller, f"types=pair.success&device_id={device}"))
    assert (first["event"], first["id"]) == ("pair.success", "1:2")
    assert others[0] == {"": "alive", "id": "1:3"}


def test_a_place_that_never_was(caller: Caller, device: str) -> None:
    """A client that comes from elsewhere is told so, and then all that there is."""
    for last in ("4", "1:4", "2:3"):
        first, *others = read(listen(caller, last=last))
        assert first["event"] == "reset"
        assert json.loads(first["data"]) == {"oldest": 1, "latest": 3, "epoch": 1}
        assert "id" not in first
        assert [block["event"] for block in others if "event" in block] == LINKED
    assert device


@pytest.mark.parametrize(
    ("query", "last", "field"),
    [
        ("", "one", "Last-Event-ID"),
        ("", "1:2:3", "Last-Event-ID"),
        ("", "-1", "Last-Event-ID"),
        ("types=message.received", None, "types"),
        ("after=3", None, "after"),
    ],
)
def test_bad_input(caller: Caller, device: str, query: str, last: str | None, field: str) -> None:
    """What is no place, no event or no parameter is refused by its name."""
    answer = listen(caller, query, last=last)
    assert answer.status_code == 400
    assert answer.get_json()["validation"][0]["field"] == field
    assert device


def test_too_many_streams(caller: Caller, stranger: Caller, bridge: FakeBridge) -> None:
    """A user's fifth stream is refused and may be asked for again; others have slots of theirs."""
    link(caller, bridge)
    link(stranger, bridge)
    streams = [listen(caller) for _ in range(4)]
    refused = listen(caller)
    assert (refused.status_code, refused.get_json()["error_code"]) == (429, "QUOTA_EXCEEDED")
    assert int(refused.headers["Retry-After"]) > 0
    assert read(listen(stranger))
    for stream in streams:
        stream.close()
    assert read(listen(caller))


def test_another_tenant(caller: Caller, stranger: Caller, bridge: FakeBridge) -> None:
    """A device of another tenant is not found, and nothing of it is told."""
    device = link(caller, bridge)
    answer = listen(stranger, f"device_id={device}")
    assert (answer.status_code, answer.get_json()["error_code"]) == (404, "DEVICE_NOT_FOUND")
    assert listen(stranger).get_json()["error_code"] == "DEVICE_NOT_LINKED"


def test_a_revoked_token(app: Flask, caller: Caller, bridge: FakeBridge) -> None:
    """The stream of a token ends with it; what happens afterwards is not told."""
    device = link(caller, bridge)
    made: dict[str, Any] = caller.post("/tokens", json={"name": "listener"}).get_json()
    listener = Caller(caller.client, made["token"], caller.tenant_id, caller.user_id)
    streams = parts(app).service.event_streams
    streams._pace = Pace(check=0.01, heartbeat=60, life=60)
    try:
        answer = listen(listener, last="3")
        with closing(answer):
            chunks = iter(answer.response)
            assert [next(chunks), next(chunks)] == [b"retry: 1000\n", b": alive\nid: 1:3\n\n"]
            caller.request("DELETE", f"/tokens/{made['data']['id']}")
            bridge.set_status(device, "disconnected", "connection_lost")
            assert list(chunks) == []
    finally:
        streams._pace = QUICK


def test_head(caller: Caller) -> None:
    """A stream has no head to show."""
    assert caller.request("HEAD", "/events/stream").status_code == 405
