"""A short soak, and the judgement that it stands on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.soak.chaos import run_soak
from tests.soak.ledger import Ledger, Outcome, Wish
from tests.soak.resources import Resources

SECONDS = 60
ACCOUNT, JID = "15550100000", "15557000001@s.whatsapp.net"
CHAT = (ACCOUNT, JID)


@pytest.mark.e2e
def test_a_minute_of_trouble(tmp_path: Path) -> None:
    """Nothing that was answered 200 is lost, all devices come back, and nothing leaks."""
    report = run_soak(tmp_path, seconds=SECONDS, seed=1)
    print(report)
    assert report.findings == []
    assert report.accepted > 100


def entry(wish: Wish, jid: str = JID) -> dict[str, Any]:
    """Return an archive entry as the simulator shows it."""
    action = {"archived": wish.archived, "messageRange": {"lastMessageTimestamp": str(wish.stamp)}}
    return {"index": ["archive", jid], "value": {"archiveChatAction": action}}


def test_an_accepted_change_must_show() -> None:
    """What was accepted last must show: not nothing, not the one before, not one of nobody."""
    ledger = Ledger()
    first, last = ledger.wish(CHAT, True), ledger.wish(CHAT, True)
    for wish in (first, last):
        ledger.settle(CHAT, wish, Outcome.ACCEPTED)
    assert ledger.differences(ACCOUNT, [entry(last)]) == []
    assert ledger.differences(ACCOUNT, [entry(first)]) != []
    assert ledger.differences(ACCOUNT, [entry(Wish(1, True))]) != []
    assert ledger.differences(ACCOUNT, []) != []


def test_an_unknown_outcome_may_show_or_not() -> None:
    """After an unknown outcome both the old and the new state are right, until the next success."""
    ledger = Ledger()
    first, unknown = ledger.wish(CHAT, True), ledger.wish(CHAT, False)
    ledger.settle(CHAT, first, Outcome.ACCEPTED)
    ledger.settle(CHAT, unknown, Outcome.UNKNOWN)
    assert ledger.differences(ACCOUNT, [entry(first)]) == []
    assert ledger.differences(ACCOUNT, [entry(unknown)]) == []
    last = ledger.wish(CHAT, True)
    ledger.settle(CHAT, last, Outcome.ACCEPTED)
    assert ledger.differences(ACCOUNT, [entry(unknown)]) != []


def test_a_refused_change_must_not_show() -> None:
    """A change of which nothing was sent must not turn up, nor one of a chat nobody touched."""
    ledger = Ledger()
    refused = ledger.wish(CHAT, True)
    ledger.settle(CHAT, refused, Outcome.REFUSED)
    assert ledger.differences(ACCOUNT, []) == []
    assert ledger.differences(ACCOUNT, [entry(refused)]) != []
    assert ledger.differences(ACCOUNT, [entry(refused, "15557000002@s.whatsapp.net")]) != []


def test_growth_is_named() -> None:
    """Only what grew by more than allowed is named."""
    before, allowed = Resources(1000, 10, 20, 30, 40), Resources(100, 2, 2, 2, 2)
    assert Resources(1100, 12, 5, 32, 42).growth(before, allowed) == []
    (found,) = Resources(1000, 13, 20, 30, 40).growth(before, allowed)
    assert found.startswith("threads grew from 10 to 13")
