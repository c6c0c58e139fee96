"""Many archives at once while the phone writes too."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from tests.support.service import Caller
from tests.support.simulator import Phone

CHATS = [f"1555800{number:04d}@s.whatsapp.net" for number in range(100)]
EACH_WAY_MS = 25
PHONE_WRITES_EVERY_SECONDS = 0.2


def keep_writing(phone: Phone, stopping: threading.Event, written: list[str]) -> None:
    """Let the phone pin and unpin chats of its own until told to stop."""
    while not stopping.wait(PHONE_WRITES_EVERY_SECONDS):
        jid = f"1555900{len(written):04d}@s.whatsapp.net"
        phone.write(pin={"jid": jid, "pinned": True})
        written.append(jid)


def test_a_hundred_parallel_archives(linked: Caller, phone: Phone) -> None:
    """100 parallel archives at 50 ms all succeed in at most 6 patches while the phone writes."""
    stopping, written = threading.Event(), list[str]()
    with ThreadPoolExecutor(101) as threads:
        before = phone.version()
        phone.fault(direction="both", action="delay", ms=EACH_WAY_MS)
        writing = threads.submit(keep_writing, phone, stopping, written)
        answers = list(threads.map(linked.archive, CHATS))
        stopping.set()
        writing.result()
    assert [answer.status_code for answer in answers] == [200] * len(CHATS)
    assert all(phone.is_archived(jid) for jid in (CHATS[0], CHATS[50], CHATS[99]))
    entries = phone.collection()["entries"]
    authors = {entry["version"]: entry["author"] for entry in entries if entry["version"] > before}
    ours = {version for version in authors if authors[version] == linked.device_number}
    archived = {
        entry["index"][1]
        for entry in entries
        if entry["index"][0] == "archive" and entry["value"]["archiveChatAction"]["archived"]
    }
    assert archived >= set(CHATS)
    assert len(ours) <= 6
    assert phone.version() == before + len(ours) + len(written)


def test_archive_and_unarchive_of_one_chat(linked: Caller, phone: Phone) -> None:
    """Mixed requests on one chat all succeed with no violation, and the one that follows counts."""
    with ThreadPoolExecutor(32) as threads:
        wishes = [number % 2 == 0 for number in range(64)]
        answers = list(threads.map(lambda wish: linked.archive(CHATS[0], wish), wishes))
    assert {answer.status_code for answer in answers} == {200}
    assert linked.archive(CHATS[0]).status_code == 200
    assert phone.is_archived(CHATS[0]) is True


def test_the_last_of_several_wins(linked: Caller, phone: Phone) -> None:
    """Requests one after the other leave the chat as the last one said."""
    for archived in (True, False, True, False, True):
        assert linked.archive(CHATS[1], archived).status_code == 200
        assert phone.is_archived(CHATS[1]) is archived
