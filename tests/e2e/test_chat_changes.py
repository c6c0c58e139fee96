"""Mute, pin, read and archiving many chats, from HTTP to what the phone sees."""

from __future__ import annotations

import time
from typing import Any

from tests.support.service import Caller
from tests.support.simulator import Phone

CHAT = "15557000001@s.whatsapp.net"


def value(phone: Phone, kind: str, action: str, collection: str = "regular_low") -> dict[str, Any]:
    """Return what the phone sees under an index of the chat."""
    entry = phone.entry(kind, CHAT, collection=collection)
    assert entry is not None
    return dict(entry["value"][action])


def test_mute_reaches_the_phone(linked: Caller, phone: Phone) -> None:
    """A mute has its end, one without a duration has none, and an unmute undoes it."""
    before = int(time.time() * 1000)
    body = {"muted": True, "duration_seconds": 3600}
    assert linked.request("POST", f"/chats/{CHAT}/mute", json=body).status_code == 200
    muted = value(phone, "mute", "muteAction", "regular_high")
    assert muted["muted"] is True
    assert before <= int(muted["muteEndTimestamp"]) - 3_600_000 <= int(time.time() * 1000)
    assert linked.request("POST", f"/chats/{CHAT}/mute", json={"muted": True}).status_code == 200
    assert int(value(phone, "mute", "muteAction", "regular_high")["muteEndTimestamp"]) == -1
    assert linked.request("POST", f"/chats/{CHAT}/mute", json={"muted": False}).status_code == 200
    assert not value(phone, "mute", "muteAction", "regular_high").get("muted", False)


def test_pin_reaches_the_phone(linked: Caller, phone: Phone) -> None:
    """A pinned chat is no longer archived; unpinning leaves it there."""
    assert linked.archive(CHAT).status_code == 200
    before = phone.version()
    answer = linked.request("POST", f"/chats/{CHAT}/pin")
    assert answer.status_code == 200
    assert (phone.is_pinned(CHAT), phone.is_archived(CHAT)) == (True, False)
    assert linked.request("DELETE", f"/chats/{CHAT}/pin").status_code == 200
    assert (phone.is_pinned(CHAT), phone.is_archived(CHAT)) == (False, False)
    assert phone.version() == before + 2


def test_read_reaches_the_phone(linked: Caller, phone: Phone) -> None:
    """Read and unread are written with the time up to which they count."""
    body = {"read": False, "last_message_timestamp": 1_765_000_000}
    assert linked.request("POST", f"/chats/{CHAT}/read", json=body).status_code == 200
    marked = value(phone, "markChatAsRead", "markChatAsReadAction")
    assert not marked.get("read", False)
    assert int(marked["messageRange"]["lastMessageTimestamp"]) == 1_765_000_000
    assert linked.request("POST", f"/chats/{CHAT}/read", json={"read": True}).status_code == 200
    assert value(phone, "markChatAsRead", "markChatAsReadAction")["read"] is True


def test_many_reach_the_phone_in_full_patches(linked: Caller, phone: Phone) -> None:
    """500 chats are archived in ten patches, and brought back in five."""
    chats = [f"1555810{number:04d}@s.whatsapp.net" for number in range(500)]
    before = phone.version()
    for archived, patches in ((True, 10), (False, 5)):
        body = {"archived": archived, "chat_jids": chats}
        answer = linked.request("POST", "/chats/archive", json=body)
        assert answer.status_code == 200
        assert (answer.json()["count"], answer.json()["failed"]) == (500, 0)
        before += patches
        assert phone.version() == before
        entries = phone.collection()["entries"]
        seen = {
            entry["index"][1]: entry["value"]["archiveChatAction"].get("archived", False)
            for entry in entries
            if entry["index"][0] == "archive"
        }
        assert all(seen[jid] is archived for jid in chats)


def test_a_device_that_is_not_there_answers_for_all(linked: Caller, phone: Phone) -> None:
    """While it is disconnected the whole batch is 503, and nothing is sent later."""
    before = phone.version()
    assert linked.request("POST", "/disconnect").status_code == 200
    answer = linked.request("POST", "/chats/archive", json={"archived": True, "chat_jids": [CHAT]})
    assert (answer.status_code, answer.json()["error_code"]) == (503, "DEVICE_NOT_READY")
    assert phone.version() == before
