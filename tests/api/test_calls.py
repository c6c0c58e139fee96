"""Calls over HTTP: what rang, rejecting it, and the settings."""

from __future__ import annotations

from typing import Any

import pytest

from app.context import Context
from app.idempotency import HEADER
from bridge.fake import FakeBridge
from schemas.calls import LONGEST_TEXT
from sessions.store.models import Base
from tests.support.api import CHAT, Caller, link
from tests.support.sessions import wait_until

LID = "200000000000001@lid"
REPLY = {"enabled": True, "text": "Please write,\nI can't talk."}


@pytest.fixture
def device(caller: Caller, bridge: FakeBridge) -> str:
    """A linked device of the caller's."""
    return link(caller, bridge)


def ring(
    caller: Caller, bridge: FakeBridge, device: str, call_id: str, jid: str = CHAT, **fields: Any
) -> None:
    """Let somebody call, and wait until that is known."""
    bridge.ring(device, call_id, jid, **fields)
    wait_until(lambda: caller.get(f"/calls/{call_id}").status_code == 200)


def show(caller: Caller, call_id: str) -> dict[str, Any]:
    """Return a call."""
    call: dict[str, Any] = caller.get(f"/calls/{call_id}").get_json()["call"]
    return call


def events(caller: Caller) -> list[dict[str, Any]]:
    """Return the events of calls."""
    log = caller.get("/events?limit=1000").get_json()["events"]
    return [event for event in log if event["event"].startswith("call.")]


def configure(caller: Caller, **change: Any) -> dict[str, Any]:
    """Change the settings and return them."""
    answer = caller.request("PUT", "/calls/settings", json=change)
    assert answer.status_code == 200, answer.text
    settings: dict[str, Any] = answer.get_json()["settings"]
    return settings


def test_a_call_from_offer_to_end(caller: Caller, bridge: FakeBridge, device: str) -> None:
    """It rings, is rejected by its id alone, ends; the row and the last event say the same."""
    ring(caller, bridge, device, "C1", creator="15557000001:3@s.whatsapp.net", media="video")
    answer = caller.post("/calls/reject", json={"call_id": "C1"})
    assert answer.get_json() == {"success": True, "call_id": "C1", "state": "rejecting"}
    assert show(caller, "C1")["reject_acknowledged"] is True
    bridge.end_call(device, "C1", CHAT, event="call.terminate", reason="hangup")
    wait_until(lambda: show(caller, "C1")["state"] == "ended")
    call = show(caller, "C1")
    assert (call["from"], call["phone_number"], call["media"]) == (CHAT, "15557000001", "video")
    offered, ended = events(caller)
    assert (offered["event"], ended["event"]) == ("call.offer", "call.terminate")
    assert ended["data"] == call
    answer = caller.post("/calls/reject", json={"call_id": "C1", "from": CHAT})
    assert answer.get_json()["error_code"] == "CALL_ENDED"


def test_a_call_that_nobody_saw(caller: Caller, bridge: FakeBridge, device: str) -> None:
    """It is rejected when its caller is named; what is unknown of it is absent."""
    answer = caller.post("/calls/reject", json={"call_id": "C9"})
    assert (answer.status_code, answer.get_json()["error_code"]) == (404, "CALL_NOT_FOUND")
    answer = caller.post("/calls/reject", json={"call_id": "C9", "from": LID})
    assert answer.get_json()["state"] == "rejecting"
    call = show(caller, "C9")
    assert call["from"] == LID
    assert {"phone_number", "media", "offered_at", "ended_at"}.isdisjoint(call)
    assert len(bridge.device(device).talk.rejects) == 1


def test_list(caller: Caller, bridge: FakeBridge, device: str) -> None:
    """Filters, pages and cursors; what is no parameter is refused by its name."""
    for number, jid in enumerate((CHAT, LID, CHAT)):
        ring(caller, bridge, device, f"C{number}", jid)
    page = caller.get("/calls?limit=2").get_json()
    assert [call["call_id"] for call in page["calls"]] == ["C2", "C1"]
    rest = caller.get(f"/calls?limit=2&cursor={page['next_cursor']}").get_json()
    assert [call["call_id"] for call in rest["calls"]] == ["C0"]
    assert "next_cursor" not in rest
    assert caller.get("/calls?from=15557000001&since=1765000000").get_json()["count"] == 2
    assert caller.get("/calls?state=ended").get_json()["count"] == 0
    other = {"limit": 2, "cursor": page["next_cursor"], "state": "ringing"}
    assert caller.get("/calls", query_string=other).status_code == 400
    for query in ("status=ended", "state=over", "from=x", "since=yesterday", "limit=0"):
        answer = caller.get(f"/calls?{query}")
        assert answer.status_code == 400
        assert answer.get_json()["validation"][0]["field"] == query.partition("=")[0]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "call_id"),
        ({"call_id": ""}, "call_id"),
        ({"call_id": "C" * 129}, "call_id"),
        ({"call_id": "C1", "from": "120363000000000042@g.us"}, "from"),
        ({"call_id": "C1", "from": "15557000001:3@s.whatsapp.net"}, "from"),
        ({"call_id": "C1", "caller": CHAT}, "caller"),
    ],
)
def test_bad_rejects(caller: Caller, device: str, body: dict[str, Any], field: str) -> None:
    """What does not fit is refused by its name, and nothing is sent."""
    answer = caller.post(f"/calls/reject?device_id={device}", json=body)
    assert answer.status_code == 400
    assert answer.get_json()["validation"][0]["field"] == field


def test_settings(caller: Caller, device: str) -> None:
    """They are off at first, and a PUT changes what it names, also inside of the reply."""
    off = {"enabled": False, "cooldown_seconds": 300, "also_when_not_rejected": False}
    before = caller.get(f"/calls/settings?device_id={device}").get_json()["settings"]
    assert before == {"auto_reject": "off", "allow": [], "auto_reply": off}
    configure(caller, auto_reject="unknown", allow=["15557000001"], auto_reply=REPLY)
    after = configure(caller, auto_reply={"cooldown_seconds": 0})
    assert after == {
        "auto_reject": "unknown",
        "allow": [CHAT],
        "auto_reply": {**off, **REPLY, "cooldown_seconds": 0},
    }
    assert configure(caller) == after
    assert caller.get("/calls/settings").get_json()["settings"] == after


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"auto_reject": "some"}, "auto_reject"),
        ({"allow": ["x"]}, "allow[0]"),
        ({"allow": [CHAT] * 501}, "allow"),
        ({"auto_reply": {"enabled": True}}, "auto_reply.text"),
        ({"auto_reply": {"text": "x" * (LONGEST_TEXT + 1)}}, "auto_reply.text"),
        ({"auto_reply": {"text": "bell\a"}}, "auto_reply.text"),
        ({"auto_reply": {"cooldown_seconds": -1}}, "auto_reply.cooldown_seconds"),
        ({"auto_reply": {"cooldown_seconds": 604_801}}, "auto_reply.cooldown_seconds"),
        ({"auto_reply": {"enabled": "yes"}}, "auto_reply.enabled"),
        ({"auto_reply": {"delay": 1}}, "auto_reply.delay"),
        ({"auto_answer": True}, "auto_answer"),
    ],
)
def test_bad_settings(caller: Caller, device: str, body: dict[str, Any], field: str) -> None:
    """What does not fit is refused by its name, and nothing is changed."""
    answer = caller.request("PUT", f"/calls/settings?device_id={device}", json=body)
    assert answer.status_code == 400
    assert answer.get_json()["validation"][0]["field"] == field
    assert caller.get("/calls/settings").get_json()["settings"]["auto_reject"] == "off"


def test_reject_and_reply_by_themselves(caller: Caller, bridge: FakeBridge, device: str) -> None:
    """A rule rejects, the reply follows, and no other answer than the settings has the text."""
    configure(caller, auto_reject="all", auto_reply=REPLY)
    ring(caller, bridge, device, "C1")
    wait_until(lambda: show(caller, "C1")["auto_replied"])
    assert show(caller, "C1")["auto_rejected"] is True
    assert [event["event"] for event in events(caller)] == ["call.offer", "call.auto_replied"]
    assert list(bridge.device(device).talk.texts.values()) == [(CHAT, REPLY["text"])]
    for path in ("/events?limit=1000", "/calls", "/audit", "/devices"):
        assert "Please write" not in caller.get(path).text


def test_a_kept_answer_is_without_the_text(caller: Caller, device: str, context: Context) -> None:
    """The answer to a repeated request leaves the text out, which stands in one table alone."""
    options: dict[str, Any] = {"json": {"auto_reply": REPLY}, "headers": {HEADER: "once"}}
    first = caller.request("PUT", f"/calls/settings?device_id={device}", **options).get_json()
    again = caller.request("PUT", f"/calls/settings?device_id={device}", **options).get_json()
    assert first["settings"]["auto_reply"].pop("text") == REPLY["text"]
    assert again == first
    kept = Base.metadata.tables["idempotency_keys"].select()
    with context.service._environment.database.read() as transaction:
        assert "Please write" not in repr(transaction.execute(kept).all())


def test_tenants_see_their_own_calls(
    caller: Caller, stranger: Caller, bridge: FakeBridge, device: str
) -> None:
    """One call id may exist in two tenants; neither sees, ends or configures the other's."""
    other = link(stranger, bridge)
    ring(caller, bridge, device, "C1")
    assert stranger.get("/calls/C1").status_code == 404
    assert stranger.get("/calls").get_json()["count"] == 0
    assert stranger.post("/calls/reject", json={"call_id": "C1"}).status_code == 404
    ring(stranger, bridge, other, "C1", LID)
    configure(stranger, auto_reject="all")
    assert stranger.post("/calls/reject", json={"call_id": "C1"}).status_code == 200
    assert show(caller, "C1")["state"] == "ringing"
    assert bridge.device(device).talk.rejects == []
    stranger.request("DELETE", f"/devices/{other}?purge=true")
    assert show(caller, "C1")["from"] == CHAT


def test_erasing_takes_calls_and_settings(
    caller: Caller, bridge: FakeBridge, device: str, context: Context
) -> None:
    """Nothing of a purged device's calls is left."""
    configure(caller, auto_reply=REPLY)
    ring(caller, bridge, device, "C1")
    assert caller.request("DELETE", f"/devices/{device}?purge=true").status_code == 200
    for name in ("calls", "call_settings"):
        table = Base.metadata.tables[name]
        with context.service._environment.database.read() as transaction:
            left = transaction.execute(table.select().where(table.c.device_id == device)).all()
        assert left == []


def test_metrics(caller: Caller, bridge: FakeBridge, device: str, context: Context) -> None:
    """Calls, rejects and replies are counted, with what became of them and with no one's name."""
    configure(caller, auto_reject="all", auto_reply=REPLY)
    ring(caller, bridge, device, "C1")
    wait_until(lambda: show(caller, "C1")["auto_replied"])
    text = context.service.metrics.render().decode()
    assert 'wuts_call_rejects_total{origin="rule",outcome="acknowledged"}' in text
    wait_until(
        lambda: (
            'wuts_call_replies_total{outcome="sent"}' in context.service.metrics.render().decode()
        )
    )
    assert "wuts_calls_total" in text
