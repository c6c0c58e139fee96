"""An independent client, Baileys with MAC verification on, judges what the service writes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.baileys import FOLDER, node, running_judge
from tests.support.service import Caller
from tests.support.simulator import Phone

CHAT = "15550000042@s.whatsapp.net"
OTHER_CHAT = "15550000043@s.whatsapp.net"


def test_judge_is_strict() -> None:
    """The judge complains about every kind of MAC that was changed, and about nothing else."""
    run = subprocess.run(
        [node(), "--test"], cwd=FOLDER, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("archived", [True, False])
def test_baileys_sees_an_archive(
    linked: Caller, phone: Phone, tmp_path: Path, archived: bool
) -> None:
    """A second device of the account reads the service's archive, and verifies every MAC of it."""
    with running_judge(tmp_path, phone) as judge:
        answer = linked.archive(CHAT, archived)
        assert answer.status_code == 200, answer.text
        judge.wait(event="archive", jid=CHAT, archived=archived)
        judge.wait(event="synced", collection="regular_low", version=phone.version())


def test_baileys_reads_earlier_archives(linked: Caller, phone: Phone, tmp_path: Path) -> None:
    """A device that links later verifies the whole history of what the service wrote."""
    for jid, archived in [(CHAT, True), (OTHER_CHAT, True), (CHAT, False)]:
        answer = linked.archive(jid, archived)
        assert answer.status_code == 200, answer.text
    with running_judge(tmp_path, phone) as judge:
        judge.wait(event="synced", collection="regular_low", version=phone.version())


def test_baileys_and_the_service_take_turns(linked: Caller, phone: Phone, tmp_path: Path) -> None:
    """Patches of two unlike clients build on each other, and the phone agrees with both."""
    with running_judge(tmp_path, phone) as judge:
        judge.archive(OTHER_CHAT, True)
        assert phone.is_archived(OTHER_CHAT) is True
        answer = linked.archive(OTHER_CHAT, False)
        assert answer.status_code == 200, answer.text
        assert phone.is_archived(OTHER_CHAT) is False
        judge.wait(event="archive", jid=OTHER_CHAT, archived=False)
        judge.archive(CHAT, True)
        assert phone.is_archived(CHAT) is True
        judge.wait(event="synced", collection="regular_low", version=phone.version())


def test_baileys_takes_and_refuses_calls(phone: Phone, tmp_path: Path) -> None:
    """What rings in the simulator is a call to another client, too, which may refuse it."""
    with running_judge(tmp_path, phone) as judge:
        calls = phone.url("/calls")
        call_id = phone.simulator.post(calls, {"from": CHAT, "video": True})["call_id"]
        judge.wait(event="call", id=call_id, status="offer", **{"from": CHAT}, video=True)
        judge.reject(call_id, CHAT)
        call = phone.simulator.get(calls)["calls"][0]
        assert [reject["creator"] for reject in call["rejects"]] == [CHAT]
        phone.simulator.post(f"{calls}/{call_id}/end", {"reason": "timeout"})
        judge.wait(event="call", id=call_id, status="timeout")
    assert phone.violations() == []
