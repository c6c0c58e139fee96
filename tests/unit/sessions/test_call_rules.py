"""Which calls are rejected and answered by themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sessions.call_rules import (
    MOST_REPLIES,
    AutoReject,
    AutoReply,
    CallSettings,
    Incoming,
    Replies,
    Verdict,
    build_message_id,
    judge,
    rejects,
    replies,
)

ANN, GROUP = "15557000001@s.whatsapp.net", "120363000000000042@g.us"
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
REPLY = AutoReply(enabled=True, text="later", cooldown_seconds=300)
NONE = Replies(None, 0)
# By rule: whether it rejects a direct call of a contact, of a stranger, and the same in a group.
RULES = {
    AutoReject.OFF: (False, False, False, False),
    AutoReject.ALL: (True, True, True, True),
    AutoReject.DIRECT: (True, True, False, False),
    AutoReject.GROUP: (False, False, True, True),
    AutoReject.UNKNOWN: (False, True, False, True),
}


@pytest.mark.parametrize("rule", AutoReject)
def test_rules(rule: AutoReject) -> None:
    """Each rule rejects what it says, and never whom the list names, as caller or as group."""
    found = []
    for is_group in (False, True):
        for is_known in (True, False):
            jids = frozenset({ANN, GROUP} if is_group else {ANN})
            call = Incoming(jids, is_group, is_known)
            found.append(rejects(CallSettings(rule), call))
            for allowed in jids:
                assert not rejects(CallSettings(rule, (allowed,)), call)
            assert rejects(CallSettings(rule, ("15557000002@s.whatsapp.net",)), call) == found[-1]
    assert tuple(found) == RULES[rule]


@pytest.mark.parametrize(
    ("enabled", "always", "is_rejected", "expected"),
    [
        (False, False, True, False),
        (False, True, True, False),
        (False, True, False, False),
        (True, False, False, False),
        (True, False, True, True),
        (True, True, False, True),
    ],
)
def test_who_is_answered(*, enabled: bool, always: bool, is_rejected: bool, expected: bool) -> None:
    """Who was rejected, or on demand everybody; nobody while it is disabled."""
    reply = AutoReply(enabled=enabled, text="later", also_when_not_rejected=always)
    assert replies(reply, is_rejected=is_rejected) is expected


@pytest.mark.parametrize(
    ("reply", "before", "age", "verdict"),
    [
        (REPLY, NONE, 0, Verdict.SEND),
        (REPLY, NONE, 600, Verdict.SEND),
        (REPLY, NONE, 601, Verdict.EXPIRED),
        (AutoReply(enabled=False, text="later"), NONE, 0, Verdict.DISABLED),
        (REPLY, Replies(NOW - 299 * SECOND, 1), 0, Verdict.COOLING_DOWN),
        (REPLY, Replies(NOW - 300 * SECOND, 1), 0, Verdict.SEND),
        (AutoReply(enabled=True, text="l", cooldown_seconds=0), Replies(NOW, 1), 0, Verdict.SEND),
        (REPLY, Replies(None, MOST_REPLIES - 1), 0, Verdict.SEND),
        (REPLY, Replies(None, MOST_REPLIES), 0, Verdict.SUPPRESSED),
        (REPLY, Replies(NOW, MOST_REPLIES), 0, Verdict.COOLING_DOWN),
    ],
)
def test_verdicts(reply: AutoReply, before: Replies, age: int, verdict: Verdict) -> None:
    """A reply goes out in time, once a caller in the cool-down, and thirty times an hour."""
    assert judge(reply, before, called_at=NOW - age * SECOND, now=NOW) is verdict


def test_message_ids() -> None:
    """One call has one id, of the form that WhatsApp Web's have, and another call another one."""
    first = build_message_id("C1")
    assert first == build_message_id("C1") != build_message_id("C2")
    assert first.startswith("3EB0")
    assert len(first) == 22
    assert set(first) <= set("0123456789ABCDEF")


def test_the_text_is_not_shown() -> None:
    """What prints settings, such as a log line, doesn't print the text."""
    assert "later" not in repr(CallSettings(auto_reply=REPLY))
