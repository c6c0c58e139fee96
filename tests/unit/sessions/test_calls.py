"""Calls: one row a call whatever is repeated or late, rejects, and what follows by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.errors import BridgeCode
from sessions.call_rules import build_message_id
from sessions.call_states import CallState
from sessions.calls import CallQuery
from sessions.errors import CallEnded, CallNotFound, DeviceNotReady, InvalidInput
from sessions.paging import PageRequest
from sessions.store.models import Base
from sessions.upkeep import LOG_LIFE, Upkeep
from tests.support.calls import (
    ANN,
    ANN_LID,
    BOB,
    GROUP,
    REPLY,
    TEXT,
    Clock,
    Line,
    open_line,
    running_by,
)
from tests.support.sessions import Stage, threads, wait_until


@pytest.fixture(scope="module")
def clock() -> Clock:
    """A clock that tests move, and only forward."""
    return Clock()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> Iterator[Stage]:
    """One service for all tests; each has a tenant and a device of its own."""
    with running_by(clock, tmp_path_factory.mktemp("calls")) as stage:
        yield stage


@pytest.fixture
def line(stage: Stage, clock: Clock) -> Line:
    """A linked device."""
    return open_line(stage, clock)


def test_a_call_is_one_row_however_often_it_is_told(line: Line) -> None:
    """Repeated offers and ends are one row, and one event of each kind, with the row as data."""
    for _ in range(2):
        line.ring(call_id="C1", caller_pn=ANN)
    for _ in range(2):
        line.end("C1", "timeout")
    assert line.events() == ["call.offer", "call.terminate"]
    call = line.call("C1")
    assert (call.state, call.reason, call.phone_number) == ("missed", "timeout", "15557000001")
    assert (call.ended_at, call.media, call.auto_rejected) == (line.clock(), "audio", False)
    assert line.data("call.terminate") == [call.to_event()]
    assert line.data("call.offer")[0]["state"] == "ringing"


def test_an_end_before_its_offer(line: Line) -> None:
    """The call is over when its offer comes, which then says only what it was."""
    line.configure("all", **REPLY)
    line.end("C1", "hangup")
    early = line.call("C1")
    assert (early.state, early.media, early.offered_at) == ("ended", None, None)
    line.ring(call_id="C1", media="video")
    late = line.call("C1")
    assert (late.state, late.media, late.reason) == ("ended", "video", "hangup")
    assert line.events() == ["call.terminate", "call.offer"]
    assert (line.talk.rejects, line.talk.texts) == ([], {})


@pytest.mark.parametrize("event", ["call.accept", "call.reject"])
def test_elsewhere(line: Line, event: str) -> None:
    """What another device of the account did is the state, whatever comes after it."""
    line.ring(call_id="C1")
    line.end("C1", event=event)
    line.end("C1")
    state = {"call.accept": "accepted_elsewhere", "call.reject": "rejected"}[event]
    assert line.call("C1").state == state
    with pytest.raises(CallEnded):
        line.reject("C1")


def test_who_calls(line: Line) -> None:
    """A device part is kept for the reject alone, and a LID is never a phone number."""
    device_jid = "15557000001:7@s.whatsapp.net"
    line.ring(device_jid, "C1", creator="15557000001:9@s.whatsapp.net")
    assert (line.call("C1").caller, line.call("C1").phone_number) == (ANN, "15557000001")
    assert line.reject("C1") is CallState.REJECTING
    assert line.talk.rejects == [
        {"call_id": "C1", "from": device_jid, "creator": "15557000001:9@s.whatsapp.net"}
    ]
    line.ring(ANN_LID, "C2")
    assert (line.call("C2").caller, line.call("C2").phone_number) == (ANN_LID, None)
    line.ring(ANN_LID, "C3", caller_pn=ANN, caller_lid=ANN_LID)
    assert {line.call(name).phone_number for name in ("C2", "C3")} == {"15557000001"}
    line.ring(GROUP, "C4", creator=ANN_LID, group_jid=GROUP, notice=True)
    assert (line.call("C4").caller, line.call("C4").group_jid) == (ANN_LID, GROUP)
    assert line.events()[-1] == "call.offer_notice"


def test_lists(line: Line) -> None:
    """Newest first, in pages; by state, by any name of the caller, and since a time."""
    line.ring(ANN_LID, "C1")
    line.clock.advance(1)
    line.ring(ANN, "C2", caller_lid=ANN_LID, caller_pn=ANN)
    line.clock.advance(1)
    line.ring(BOB, "C3")
    line.end("C3")
    calls = line.stage.service.calls
    device = calls.choose(line.principal, line.device_id)

    def ids(query: CallQuery, page: PageRequest | None = None) -> list[str]:
        return [call.call_id for call in calls.list(device, query, page or PageRequest()).items]

    assert ids(CallQuery()) == ["C3", "C2", "C1"]
    first = calls.list(device, CallQuery(), PageRequest(2))
    assert ids(CallQuery(), PageRequest(2, first.next)) == ["C1"]
    assert ids(CallQuery(state=CallState.ENDED)) == ["C3"]
    assert ids(CallQuery(caller=ANN)) == ids(CallQuery(caller="+1 555 7000001")) == ["C2", "C1"]
    assert ids(CallQuery(caller=ANN_LID)) == ["C2", "C1"]
    assert ids(CallQuery(since=line.clock())) == ["C3"]
    with pytest.raises(InvalidInput):
        ids(CallQuery(caller="nobody"))


def test_reject(line: Line) -> None:
    """A reject is sent as the offer named the call, noted, and ended by the event that follows."""
    line.talk.acknowledges = False
    line.ring(call_id="C1")
    assert line.reject("C1") is CallState.REJECTING
    assert line.call("C1").reject_acknowledged is False
    line.talk.acknowledges = True
    assert line.reject("C1") is CallState.REJECTING
    assert line.call("C1").reject_acknowledged is True
    line.end("C1")
    assert line.call("C1").state == "ended"
    with pytest.raises(CallEnded):
        line.reject("C1")


def test_reject_of_a_call_that_nobody_saw(line: Line) -> None:
    """It needs its caller, a person; a late offer adds what it was, and nothing starts anew."""
    with pytest.raises(CallNotFound):
        line.reject("C1")
    with pytest.raises(InvalidInput):
        line.reject("C1", GROUP)
    assert line.reject("C1", "+1 555 700 0001") is CallState.REJECTING
    assert line.talk.rejects == [{"call_id": "C1", "from": ANN, "creator": ANN}]
    assert line.call("C1").media is None
    line.ring(call_id="C1")
    assert (line.call("C1").state, line.call("C1").media) == ("rejecting", "audio")


def test_a_reject_that_was_not_sent_is_not_noted(line: Line) -> None:
    """Without a connection the call rings on, and one that nobody saw is not made up."""
    line.ring(call_id="C1")
    line.stage.bridge.fail_next("call.reject", *[BridgeCode.DEVICE_NOT_CONNECTED] * 2)
    with pytest.raises(DeviceNotReady):
        line.reject("C1")
    assert line.call("C1").state == "ringing"
    with pytest.raises(DeviceNotReady):
        line.reject("C2", ANN)
    with pytest.raises(CallNotFound):
        line.call("C2")


def test_nothing_more_is_heard(tmp_path: Path) -> None:
    """A minute after its reject a call is ended, unconfirmed, in a next process too."""
    clock = Clock()
    with running_by(clock, tmp_path) as stage:
        line = open_line(stage, clock)
        line.ring(call_id="C1")
        line.ring(call_id="C2")
        line.reject("C1")
        line.clock.advance(59)
    with running_by(clock, tmp_path, stage.bridge.reopen()) as line.stage:
        line.settle()
        assert line.call("C1").state == "rejecting"
        line.clock.advance(1)
        wait_until(lambda: line.call("C1").state == "ended")
        call = line.call("C1")
        assert (call.reason, call.ended_at) == ("unconfirmed", None)
        assert line.call("C2").state == "ringing"
        line.clock.advance(120)
        wait_until(lambda: line.call("C2").reason == "unconfirmed")
        line.end("C1", event="call.reject")
        assert (line.call("C1").state, line.call("C1").reason) == ("rejected", None)


def test_two_threads_reject_one_call(line: Line) -> None:
    """Both are told that it is being rejected; there is one row, and one reply."""
    line.configure(**REPLY)
    line.ring(call_id="C1")
    with (
        line.stage.bridge.hold("call.reject") as gate,
        threads([lambda: line.reject("C1")] * 2) as outcomes,
    ):
        gate.wait_until_held(2)
        gate.open()
    assert outcomes == [CallState.REJECTING] * 2
    line.settle()
    assert len(line.talk.texts) == 1
    assert line.events() == ["call.offer", "call.auto_replied"]


@pytest.mark.parametrize(
    ("rule", "fields", "is_rejected"),
    [
        ("off", {}, False),
        ("all", {}, True),
        ("direct", {}, True),
        ("direct", {"group_jid": GROUP}, False),
        ("group", {"group_jid": GROUP, "notice": True}, True),
        ("unknown", {}, True),
        ("unknown", {"caller": BOB}, False),
    ],
)
def test_rules(line: Line, rule: str, fields: dict[str, object], is_rejected: bool) -> None:
    """A call is rejected as the rule says; who is on the list, by any name, is let in."""
    line.configure(rule)
    line.stage.bridge.emit(line.event("history.chats", chats=[{"jid": BOB, "name": "Bob"}]))
    line.ring(**{"call_id": "C1", "caller": ANN, **fields})
    call = line.call("C1")
    assert call.auto_rejected is is_rejected
    assert call.state == ("rejecting" if is_rejected else "ringing")
    line.configure(allow=["+1 (555) 700-0001", BOB])
    line.ring(**{"call_id": "C2", "caller": ANN_LID, "caller_pn": ANN, **fields})
    assert not line.call("C2").auto_rejected


def test_reply(line: Line) -> None:
    """A caller who is rejected gets the text once, under an id that follows from the call."""
    line.configure("all", **REPLY)
    line.ring("15557000001:7@s.whatsapp.net", "C1", group_jid=GROUP)
    line.reject("C1")
    line.settle()
    assert line.talk.texts == {build_message_id("C1"): (ANN, TEXT)}
    assert line.events() == ["call.offer", "call.auto_replied"]
    assert line.data("call.auto_replied") == [line.call("C1").to_event()]
    assert line.call("C1").auto_replied


def test_reply_without_a_reject(line: Line) -> None:
    """Also when the reject fails or nobody rejects, if that is wanted; never when disabled."""
    line.configure("all", enabled=False, text=TEXT, also_when_not_rejected=True)
    line.ring(BOB)
    assert (line.talk.texts, len(line.talk.rejects)) == ({}, 1)
    line.configure("off", enabled=True, cooldown_seconds=0)
    line.ring()
    line.configure("all", also_when_not_rejected=False)
    line.stage.bridge.fail_next("call.reject", BridgeCode.SERVER_REFUSED)
    line.ring(BOB)
    line.configure("off")
    call_id = line.ring()
    line.stage.bridge.fail_next("call.reject", BridgeCode.DEVICE_NOT_CONNECTED)
    with pytest.raises(DeviceNotReady):
        line.reject(call_id)
    line.settle()
    assert [to for to, _ in line.talk.texts.values()] == [ANN, BOB, ANN]
    assert len(line.talk.rejects) == 1


def test_disabled_before_its_turn(line: Line) -> None:
    """A reply that waits for the connection is not sent any more once replies are disabled."""
    line.configure("all", **REPLY)
    line.stage.bridge.fail_next("message.send_text", BridgeCode.DEVICE_NOT_CONNECTED)
    line.ring()
    line.configure(enabled=False)
    line.clock.advance(10)
    line.stage.service.calls._worker.wake()
    wait_until(lambda: not line.is_due())
    assert line.talk.texts == {}


def test_a_stale_call_is_missed(line: Line) -> None:
    """An offer that is older than a minute is told and kept, and nothing is done about it."""
    line.configure("all", **REPLY)
    old = line.clock.milliseconds() - 60_001
    line.ring(call_id="C1", offered_at=old, offline=True)
    assert line.call("C1").state == "missed"
    assert line.events() == ["call.offer"]
    assert (line.talk.rejects, line.talk.texts) == ([], {})
    line.ring(call_id="C2", offered_at=old + 1, offline=True)
    assert line.call("C2").state == "rejecting"


def test_cooldown(line: Line) -> None:
    """Ten calls of one caller get one reply, whatever he is called; another caller his own."""
    line.configure("all", **REPLY)
    line.stage.bridge.fail_next("message.send_text", BridgeCode.OUTCOME_UNKNOWN)
    for number in range(10):
        jid = ANN if number % 2 else ANN_LID
        line.stage.bridge.ring(line.device_id, f"A{number}", jid, caller_pn=ANN, caller_lid=ANN_LID)
    line.settle()
    line.clock.advance(5)
    line.ring(BOB)
    assert [to for to, _ in line.talk.texts.values()] == [ANN_LID, BOB]
    line.clock.advance(300)
    line.ring()
    assert len(line.talk.texts) == 3
    assert len(line.talk.rejects) == 12


def test_thirty_an_hour(line: Line) -> None:
    """The next reply is suppressed, with an event; an hour after the first one there is room."""
    line.configure("all", **REPLY)
    for number in range(31):
        line.stage.bridge.ring(
            line.device_id, f"A{number:02}", f"1555800{number:04}@s.whatsapp.net"
        )
    line.settle()
    assert len(line.talk.texts) == 30
    assert [call["call_id"] for call in line.data("call.reply_suppressed")] == ["A30"]
    line.clock.advance(3600)
    line.ring(BOB)
    assert len(line.talk.texts) == 31


def test_a_kill_loses_no_reply_and_doubles_none(tmp_path: Path) -> None:
    """What is due is done by the next process, with the same id if it was sent before."""
    clock = Clock()
    with running_by(clock, tmp_path) as stage:
        line = open_line(stage, clock)
        line.configure("all", **REPLY)
        line.stage.bridge.fail_next("message.send_text", BridgeCode.OUTCOME_UNKNOWN)
        line.ring(call_id="C1")
        line.talk.texts[build_message_id("C1")] = (ANN, TEXT)
        assert not line.call("C1").auto_replied
    clock.advance(5)
    with running_by(clock, tmp_path, stage.bridge.reopen()) as line.stage:
        wait_until(lambda: line.call("C1").auto_replied)
        assert list(line.talk.texts) == [build_message_id("C1")]
        assert line.events() == ["call.offer", "call.auto_replied"]


def test_a_reply_does_not_come_much_too_late(line: Line) -> None:
    """After ten minutes without a connection it is dropped."""
    line.configure("all", **REPLY)
    line.stage.bridge.fail_next("message.send_text", BridgeCode.DEVICE_NOT_CONNECTED)
    line.ring()
    line.clock.advance(601)
    line.settle()
    assert line.talk.texts == {}


def test_settings(line: Line) -> None:
    """What is absent stays; JIDs are normalised; a reply needs a text."""
    line.configure("group", allow=["15557000001", ANN, GROUP])
    line.configure(text="Later")
    calls = line.stage.service.calls
    settings = calls.settings(calls.choose(line.principal, line.device_id))
    assert (settings.auto_reject, settings.allow) == ("group", (ANN, GROUP))
    assert (settings.auto_reply.enabled, settings.auto_reply.text) == (False, "Later")
    with pytest.raises(InvalidInput) as raised:
        line.configure(allow=[ANN, "x", "y"])
    assert [problem.field for problem in raised.value.problems] == ["allow[1]", "allow[2]"]


def test_the_text_is_in_its_table_alone(line: Line) -> None:
    """No event, no row of a call and no other table holds it."""
    line.configure("all", **REPLY)
    line.ring()
    with line.stage.service._environment.database.read() as transaction:
        holding = [
            table.name
            for table in Base.metadata.sorted_tables
            if TEXT.split("\n")[0] in repr(transaction.execute(table.select()).all())
        ]
    assert holding == ["call_settings"]


def test_old_calls_are_forgotten(line: Line) -> None:
    """Calls are kept as long as events, and those of another account not at all."""
    line.ring(call_id="C1")
    line.clock.advance(LOG_LIFE.total_seconds())
    line.ring(call_id="C2")
    line.clock.advance(1)
    Upkeep(line.stage.service._environment).step()
    with pytest.raises(CallNotFound):
        line.call("C1")
    assert line.call("C2").state == "ringing"
    line.stage.bridge.emit(line.event("pair.success", jid=BOB))
    line.settle()
    with pytest.raises(CallNotFound):
        line.call("C2")


def test_a_slow_device_holds_up_no_other(line: Line) -> None:
    """While one device's reject hangs, another one's call is rejected and answered."""
    other = Line(line.stage, line.clock, line.principal, line.stage.link(line.principal, "two"))
    for one in (line, other):
        one.configure("all", **REPLY)
    with line.stage.bridge.hold("call.reject") as gate:
        line.stage.bridge.ring(line.device_id, "C1", ANN)
        gate.wait_until_held()
        line.stage.bridge.ring(other.device_id, "C1", BOB)
        gate.wait_until_held(2)
    wait_until(lambda: line.call("C1").auto_replied and other.call("C1").auto_replied)
    assert [to for to, _ in other.talk.texts.values()] == [BOB]
