"""The routes of webhooks and deliveries."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from bridge.fake import FakeBridge
from schemas.event_names import NAMES, PUBLISHED
from schemas.events import DATA
from tests.api.conftest import register
from tests.support.api import MASTER, Caller, link
from tests.support.receiver import Receiver, receiving, status
from tests.support.sessions import wait_until

URL = "https://hook.example/path?key=1"
SECRET = "a-long-random-string"


@pytest.fixture
def device(caller: Caller, bridge: FakeBridge) -> str:
    """A linked device of the caller's."""
    return link(caller, bridge)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver on loopback, which the application may reach."""
    with receiving() as receiver:
        yield receiver


def configure(caller: Caller, **given: Any) -> TestResponse:
    """Configure the webhook of the caller's only device."""
    return caller.post("/webhook", json=given)


def configured(caller: Caller, **given: Any) -> dict[str, Any]:
    """Configure, and return the webhook."""
    usual = {"webhook_url": URL, "enabled_events": ["chat.archive", "message.received"]}
    answer = configure(caller, **{**usual, **given})
    assert answer.status_code == 200, answer.text
    webhook: dict[str, Any] = answer.get_json()["webhook"]
    return webhook


def test_configure_and_show(caller: Caller, device: str) -> None:
    """What was given is shown, but no secret and no value of a header, and what never happens."""
    webhook = configured(caller, secret=SECRET, headers={"X-Key": "hidden-value"})
    assert webhook["webhook_url"] == URL
    assert webhook["not_emitted"] == ["message.received"]
    assert (webhook["enabled"], webhook["retry_attempts"], webhook["timeout"]) == (True, 3, 10)
    assert (webhook["signed"], webhook["headers"]) == (True, {"X-Key": "***"})
    shown = caller.get("/webhook")
    assert shown.get_json()["webhook"] == webhook
    assert SECRET not in shown.text
    assert "hidden-value" not in shown.text
    (row,) = caller.get("/devices").get_json()["devices"]
    assert row["webhook_url"] == URL


def test_absent_stays_and_null_clears(caller: Caller, device: str) -> None:
    """A change names what it changes; null gives back what is usual."""
    before = configured(caller, timeout=30, secret=SECRET, headers={"X-Key": "1"})
    after = configure(caller, retry_attempts=7).get_json()["webhook"]
    assert {**after, "updated_at": None} == {**before, "retry_attempts": 7, "updated_at": None}
    cleared = {"retry_attempts": None, "timeout": None, "secret": None, "headers": None}
    webhook = configure(caller, **cleared).get_json()["webhook"]
    assert (webhook["retry_attempts"], webhook["timeout"]) == (3, 10)
    assert (webhook["signed"], webhook["headers"]) == (False, {})


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"webhook_url": "http://93.184.215.14/"}, "webhook_url"),
        ({"webhook_url": "https://10.0.0.1/"}, "webhook_url"),
        ({"webhook_url": "https://user:word@hook.example/"}, "webhook_url"),
        ({"webhook_url": None}, "webhook_url"),
        ({"enabled_events": []}, "enabled_events"),
        ({"enabled_events": None}, "enabled_events"),
        ({"enabled_events": ["chat.nothing"]}, "enabled_events[0]"),
        ({"enabled": "yes"}, "enabled"),
        ({"retry_attempts": 21}, "retry_attempts"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": 31}, "timeout"),
        ({"secret": "short"}, "secret"),
        ({"secret": "nön-ascii-secret"}, "secret"),
        ({"secret": "long-enough\n"}, "secret"),
        ({"headers": {"Host": "a.example"}}, "headers"),
        ({"headers": {"webhook-id": "1"}}, "headers"),
        ({"headers": {"X-A": "1\r\nX-B: 2"}}, "headers"),
        ({"headers": {"X A": "1"}}, "headers"),
        ({"headers": {"X-A": "1", "x-a": "2"}}, "headers"),
        ({"headers": {f"X-{number}": "1" for number in range(21)}}, "headers"),
        ({"other": 1}, "other"),
    ],
)
def test_bad_input(caller: Caller, device: str, given: dict[str, Any], field: str) -> None:
    """What cannot be delivered by is refused by its name, and nothing is kept of it."""
    usual = {"webhook_url": URL, "enabled_events": ["chat.archive"]}
    answer = configure(caller, **{**usual, **given})
    assert answer.status_code == 400, answer.text
    assert answer.get_json()["validation"][0]["field"] == field
    assert caller.get("/webhook").status_code == 404


def test_a_new_webhook_needs_url_and_events(caller: Caller, device: str) -> None:
    """Without a webhook there is nothing to change."""
    answer = configure(caller, timeout=5)
    assert answer.status_code == 400
    fields = [problem["field"] for problem in answer.get_json()["validation"]]
    assert fields == ["webhook_url", "enabled_events"]


def test_delete(caller: Caller, device: str) -> None:
    """A webhook that was deleted is not there, and neither is one that never was."""
    configured(caller)
    assert caller.request("DELETE", "/webhook").status_code == 200
    for method, path in (("GET", "/webhook"), ("DELETE", "/webhook"), ("POST", "/webhook/test")):
        answer = caller.request(method, path)
        assert (answer.status_code, answer.get_json()["error_code"]) == (404, "WEBHOOK_NOT_FOUND")
    answer = caller.post("/webhook/deliveries/retry", json={"after": 0})
    assert answer.get_json()["error_code"] == "WEBHOOK_NOT_FOUND"


def test_names(caller: Caller) -> None:
    """All names of the published API can be enabled, and those that were added."""
    answer = caller.get("/webhook/events").get_json()
    assert len(PUBLISHED) == len(set(PUBLISHED)) == 58
    assert answer["events"] == list(NAMES)
    assert set(answer["emitted"]) == set(DATA) <= set(NAMES)


def test_pending_webhook(caller: Caller, bridge: FakeBridge, receiver: Receiver) -> None:
    """It is the webhook of the next device that is linked, from that event on, and of no other."""
    answer = caller.post("/user/webhook", json={"webhook_url": receiver.url})
    assert answer.get_json()["data"]["events_count"] == len(NAMES)
    device = link(caller, bridge)
    wait_until(lambda: len(receiver.requests) >= 2)
    assert [request.event["event"] for request in receiver.requests][:1] == ["pair.success"]
    webhook = caller.get(f"/webhook?device_id={device}").get_json()["webhook"]
    assert webhook["enabled_events"] == list(NAMES)
    other = link(caller, bridge)
    assert caller.get(f"/webhook?device_id={other}").status_code == 404


def test_pending_webhook_is_taken_back(caller: Caller, bridge: FakeBridge) -> None:
    """null takes it back; what is no URL is refused."""
    assert caller.post("/user/webhook", json={"webhook_url": URL}).status_code == 200
    assert caller.post("/user/webhook", json={"webhook_url": None}).status_code == 200
    assert caller.post("/user/webhook", json={}).status_code == 400
    assert caller.post("/user/webhook", json={"webhook_url": "ftp://a"}).status_code == 400
    link(caller, bridge)
    assert caller.get("/webhook").status_code == 404


def test_webhook_of_a_new_tenant_and_user(
    app: Flask, caller: Caller, bridge: FakeBridge, master: dict[str, str]
) -> None:
    """`webhook_url` of /register and /users waits for the first device; the answer says so."""
    body = {"tenant_name": str(uuid.uuid4()), "email": "a@example.com", "webhook_url": URL}
    made = caller.client.post("/register", json=body, headers=master).get_json()
    assert (made["webhook_configured"], made["webhook_url"]) == (True, URL)
    admin = Caller(caller.client, made["token"], made["tenant"]["id"], made["user"]["id"])
    link(admin, bridge)
    assert admin.get("/webhook").get_json()["webhook"]["webhook_url"] == URL
    clerk = {"email": "clerk@example.com", "role": "user", "webhook_url": URL}
    assert caller.post("/users", json=clerk).get_json()["webhook_configured"] is True
    bad = {"email": "b@example.com", "role": "user", "webhook_url": "https://10.0.0.1/"}
    assert caller.post("/users", json=bad).status_code == 400
    assert register(caller.client).get("/webhook").status_code == 409
    assert MASTER not in str(made)


def test_test_delivery(caller: Caller, device: str) -> None:
    """It is sent at once, signed, also when the webhook is disabled; its outcome is the answer."""
    with receiving(status(204), status(500)) as receiver:
        configured(caller, webhook_url=receiver.url, enabled=False, secret=SECRET)
        first = caller.post("/webhook/test").get_json()
        second = caller.post("/webhook/test").get_json()
    assert (first["delivered"], first["http_status"]) == (True, 204)
    assert (second["delivered"], second["error"]) == (False, "http_status")
    event = receiver.requests[0].event
    assert (event["event"], event["sequence"], event["device_id"]) == ("webhook.test", 0, device)
    assert event["signature"].startswith("sha256=")


def deliveries(caller: Caller, query: str = "") -> dict[str, Any]:
    """List deliveries."""
    answer = caller.get(f"/webhook/deliveries?{query}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def test_deliveries_and_retries(caller: Caller, device: str, bridge: FakeBridge) -> None:
    """What was given up is listed, and sent again, one or all, with its old id."""
    with receiving(status(500), status(204)) as receiver:
        configured(
            caller,
            webhook_url=receiver.url,
            enabled_events=["device.disconnected", "device.connected"],
            retry_attempts=0,
        )
        bridge.set_status(device, "disconnected", "connection_lost")
        wait_until(lambda: deliveries(caller)["count"] == 1)
        (failed,) = deliveries(caller, "status=failed")["deliveries"]
        assert (failed["event"], failed["error"]) == ("device.disconnected", "http_status")
        answer = caller.post(f"/webhook/deliveries/{failed['id']}/retry")
        assert answer.get_json()["delivery"]["status"] == "queued"
        wait_until(lambda: deliveries(caller, "status=delivered")["count"] == 1)
        bridge.set_status(device, "connected")
        wait_until(lambda: deliveries(caller, "status=delivered")["count"] == 2)
        again = caller.post("/webhook/deliveries/retry", json={"after": 0}).get_json()
        wait_until(lambda: len(receiver.requests) == 3 + again["count"])
        ids = [request.event["id"] for request in receiver.requests]
    assert ids[0] == ids[1] == failed["id"]
    page = deliveries(caller, "limit=1")
    older = deliveries(caller, f"limit=1&cursor={page['next_cursor']}")["deliveries"]
    assert page["deliveries"][0]["id"] != older[0]["id"]
    answer = caller.post("/webhook/deliveries/retry", json={"after": 1000})
    assert (answer.status_code, answer.get_json()["error_code"]) == (410, "CURSOR_EXPIRED")
    answer = caller.post(f"/webhook/deliveries/{uuid.uuid4()}/retry")
    assert answer.get_json()["error_code"] == "DELIVERY_NOT_FOUND"
    assert caller.get("/webhook/deliveries?state=failed").status_code == 400


def test_a_stranger_sees_nothing(caller: Caller, stranger: Caller, device: str) -> None:
    """Neither the webhook nor its deliveries of another tenant's device can be named."""
    configured(caller)
    for path in ("/webhook", "/webhook/deliveries"):
        assert stranger.get(f"{path}?device_id={device}").status_code == 404
