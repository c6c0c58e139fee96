"""Muting, pinning, marking as read, and archiving many chats at once."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.errors import BridgeCode
from bridge.fake import FakeBridge
from sessions.times import to_milliseconds, utc_now
from tests.support.api import CHAT, Caller, link
from tests.support.contract import document

OTHER = "15557000002@s.whatsapp.net"
YEAR = 31_536_000


@pytest.fixture
def linked(caller: Caller, bridge: FakeBridge) -> Caller:
    """A caller with one linked and connected device."""
    link(caller, bridge)
    return caller


def patches(bridge: FakeBridge, caller: Caller) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return what the bridge was asked to apply for a tenant: collections and mutations."""
    return [
        (call.params["collection"], list(call.params["mutations"]))
        for call in bridge.calls_of("app_state.apply")
        if call.params["tenant_id"] == caller.tenant_id
    ]


def test_pin(linked: Caller, bridge: FakeBridge) -> None:
    """Pinning also brings the chat back; a body is not needed."""
    for options in ({}, {"json": {}}):
        answer = linked.post(f"/chats/{CHAT}/pin", **options)
        assert answer.status_code == 200
        assert answer.get_json() == {"success": True, "chat_jid": CHAT, "pinned": True}
    collection, (pin, archive) = patches(bridge, linked)[0]
    assert collection == "regular_low"
    assert pin == {"type": "pin", "chat_jid": CHAT, "pinned": True}
    assert (archive["type"], archive["archived"]) == ("archive", False)


def test_unpin(linked: Caller, bridge: FakeBridge) -> None:
    """Unpinning is one change and leaves the archive alone."""
    answer = linked.request("DELETE", f"/chats/{CHAT}/pin")
    assert answer.status_code == 200
    assert answer.get_json() == {"success": True, "chat_jid": CHAT, "pinned": False}
    unpin = {"type": "pin", "chat_jid": CHAT, "pinned": False}
    assert patches(bridge, linked) == [("regular_low", [unpin])]


def test_mute_for_a_time(linked: Caller, bridge: FakeBridge) -> None:
    """A duration becomes the time of its end, and is echoed."""
    before = to_milliseconds(utc_now())
    answer = linked.post(f"/chats/{CHAT}/mute", json={"muted": True, "duration_seconds": 28800})
    assert answer.get_json() == {
        "success": True,
        "chat_jid": CHAT,
        "muted": True,
        "duration_seconds": 28800,
    }
    [(collection, [mutation])] = patches(bridge, linked)
    assert collection == "regular_high"
    end = mutation["muted_until"] - 28_800_000
    assert before <= end <= to_milliseconds(utc_now())


def test_mute_for_ever(linked: Caller, bridge: FakeBridge) -> None:
    """Without a duration a mute has no end."""
    answer = linked.post(f"/chats/{CHAT}/mute", json={"muted": True})
    assert answer.get_json() == {"success": True, "chat_jid": CHAT, "muted": True}
    assert patches(bridge, linked)[0][1] == [{"type": "mute", "chat_jid": CHAT, "muted": True}]


def test_unmute(linked: Caller, bridge: FakeBridge) -> None:
    """A duration means nothing when unmuting."""
    answer = linked.post(f"/chats/{CHAT}/mute", json={"muted": False, "duration_seconds": 5})
    assert answer.get_json() == {"success": True, "chat_jid": CHAT, "muted": False}
    assert patches(bridge, linked)[0][1] == [{"type": "mute", "chat_jid": CHAT, "muted": False}]


@pytest.mark.parametrize("seconds", [1, YEAR])
def test_durations_that_are_taken(linked: Caller, seconds: int) -> None:
    """From one second to one year."""
    body = {"muted": True, "duration_seconds": seconds}
    assert linked.post(f"/chats/{CHAT}/mute", json=body).status_code == 200


@pytest.mark.parametrize("seconds", [0, -1, YEAR + 1, 1.5, "60", True, [1]])
def test_durations_that_are_refused(linked: Caller, bridge: FakeBridge, seconds: object) -> None:
    """Anything else is named and sends nothing."""
    body = {"muted": True, "duration_seconds": seconds}
    answer = linked.post(f"/chats/{CHAT}/mute", json=body)
    assert answer.status_code == 400
    assert answer.get_json()["validation"][0]["field"] == "duration_seconds"
    assert patches(bridge, linked) == []


@pytest.mark.parametrize("read", [True, False])
def test_read(linked: Caller, bridge: FakeBridge, read: bool) -> None:
    """Marking as read or unread is one change, up to the time of the last message."""
    body = {"read": read, "last_message_timestamp": 1_765_000_000}
    answer = linked.post(f"/chats/{CHAT}/read", json=body)
    assert answer.get_json() == {"success": True, "chat_jid": CHAT, "read": read}
    mutation = {"type": "read", "chat_jid": CHAT, "read": read, "range_at": 1_765_000_000_000}
    assert patches(bridge, linked) == [("regular_low", [mutation])]


@pytest.mark.parametrize(
    ("method", "verb", "body"),
    [
        ("POST", "mute", {"muted": True}),
        ("POST", "pin", {}),
        ("DELETE", "pin", None),
        ("POST", "read", {"read": True}),
    ],
)
def test_bad_jids(
    linked: Caller, bridge: FakeBridge, method: str, verb: str, body: dict[str, Any] | None
) -> None:
    """What names no chat is refused everywhere alike."""
    answer = linked.request(method, f"/chats/1@newsletter/{verb}", json=body)
    assert answer.status_code == 400
    assert answer.get_json()["validation"][0]["field"] == "chat_jid"
    assert patches(bridge, linked) == []


def many(caller: Caller, *chats: object, archived: bool = True, **options: Any) -> Any:
    """Archive chats at once."""
    body = {"archived": archived, "chat_jids": list(chats)}
    return caller.post("/chats/archive", json=body, **options)


def test_many_are_archived(linked: Caller, bridge: FakeBridge) -> None:
    """Each chat has its result, in the order of the request; duplicates are changed once."""
    answer = many(linked, "+1 555 700-0002", CHAT, OTHER)
    assert answer.status_code == 200
    assert answer.get_json() == {
        "success": True,
        "archived": True,
        "results": [{"chat_jid": jid, "success": True} for jid in (OTHER, CHAT, OTHER)],
        "count": 3,
        "failed": 0,
    }
    [(collection, mutations)] = patches(bridge, linked)
    assert collection == "regular_low"
    named = [(mutation["type"], mutation["chat_jid"]) for mutation in mutations]
    assert named == [("archive", OTHER), ("pin", OTHER), ("archive", CHAT), ("pin", CHAT)]


def test_500_travel_in_full_patches(linked: Caller, bridge: FakeBridge) -> None:
    """As few patches as they fit into, of at most 100 changes each; bringing back is one each."""
    chats = [f"1555{number:07}" for number in range(500)]
    assert many(linked, *chats, archived=False).get_json()["failed"] == 0
    assert [len(mutations) for _, mutations in patches(bridge, linked)] == [100] * 5
    assert many(linked, *chats).get_json()["count"] == 500
    assert [len(mutations) for _, mutations in patches(bridge, linked)][5:] == [100] * 10


def test_a_refused_chat_fails_alone(linked: Caller, bridge: FakeBridge) -> None:
    """The others of its request are accepted, and the answer says so."""
    device_id = linked.get("/devices").get_json()["devices"][0]["id"]
    bridge.device(device_id).refused_chats.add(CHAT)
    answer = many(linked, CHAT, OTHER)
    assert answer.status_code == 200
    body = answer.get_json()
    assert (body["count"], body["failed"]) == (2, 1)
    assert body["results"][0] == {
        "chat_jid": CHAT,
        "success": False,
        "error_code": "DEVICE_ERROR",
    }
    assert body["results"][1] == {"chat_jid": OTHER, "success": True}


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (BridgeCode.DEVICE_NOT_CONNECTED, 503, "DEVICE_NOT_READY"),
        (BridgeCode.OUTCOME_UNKNOWN, 504, "DEVICE_TIMEOUT"),
        (BridgeCode.SERVER_UNAVAILABLE, 502, "DEVICE_ERROR"),
    ],
)
def test_what_stops_all_is_the_answer(
    linked: Caller, bridge: FakeBridge, failure: BridgeCode, status: int, code: str
) -> None:
    """A device that can't, and a WhatsApp that passes by, are no matter of one chat."""
    bridge.fail_next("app_state.apply", failure)
    answer = many(linked, CHAT, OTHER)
    assert (answer.status_code, answer.get_json()["error_code"]) == (status, code)
    assert "Retry-After" in answer.headers


def test_what_stops_some_is_their_result(linked: Caller, bridge: FakeBridge) -> None:
    """When one of the patches fails, those in the others have succeeded."""
    chats = [f"1555{number:07}" for number in range(60)]
    bridge.fail_next("app_state.apply", BridgeCode.OUTCOME_UNKNOWN)
    answer = many(linked, *chats)
    assert answer.status_code == 200
    results = answer.get_json()["results"]
    assert [one.get("error_code") for one in results] == ["DEVICE_TIMEOUT"] * 50 + [None] * 10


@pytest.mark.parametrize(
    ("chats", "fields"),
    [
        ([CHAT, CHAT, CHAT, "hello"], ["chat_jids[3]"]),
        (["1@newsletter", CHAT, "é"], ["chat_jids[0]", "chat_jids[2]"]),
        ([CHAT, 7], ["chat_jids[1]"]),
        ([CHAT, None], ["chat_jids[1]"]),
        ([], ["chat_jids"]),
        ([CHAT] * 501, ["chat_jids"]),
    ],
)
def test_a_bad_jid_sends_nothing_of_all(
    linked: Caller, bridge: FakeBridge, chats: list[object], fields: list[str]
) -> None:
    """The whole request is refused, and every place that is wrong is named."""
    answer = many(linked, *chats)
    assert (answer.status_code, answer.get_json()["error_code"]) == (400, "VALIDATION_ERROR")
    assert [problem["field"] for problem in answer.get_json()["validation"]] == fields
    assert patches(bridge, linked) == []


def test_many_with_a_key_are_done_once(linked: Caller, bridge: FakeBridge) -> None:
    """Repeated with its idempotency key, the request gets its answer and sends nothing."""
    key = {"Idempotency-Key": "many"}
    first, second = (many(linked, CHAT, OTHER, headers=key) for _ in range(2))
    assert first.get_json() == second.get_json()
    assert len(patches(bridge, linked)) == 1


def test_the_audit_log_names_each_change(linked: Caller) -> None:
    """Every change of a chat is recorded under a name of its own, without the chat."""
    linked.post(f"/chats/{CHAT}/mute", json={"muted": True})
    linked.post(f"/chats/{CHAT}/pin")
    linked.request("DELETE", f"/chats/{CHAT}/pin")
    linked.post(f"/chats/{CHAT}/read", json={"read": False})
    many(linked, CHAT)
    # An administrative act is written at once, and what was done before it with it.
    linked.post("/tokens", json={"name": "one"})
    entries = linked.get("/audit").get_json()["entries"]
    names = [entry["action"] for entry in entries if entry["action"].startswith("chat.")]
    assert names == ["chat.archive_many", "chat.mark", "chat.unpin", "chat.pin", "chat.mute"]
    assert "15557000001" not in str(entries)


def test_bounds_are_documented() -> None:
    """The description says how many chats and how long a mute."""
    schemas = document()["components"]["schemas"]
    chats = schemas["ArchiveManyRequest"]["properties"]["chat_jids"]
    assert (chats["minItems"], chats["maxItems"]) == (1, 500)
    duration = schemas["MuteRequest"]["properties"]["duration_seconds"]
    assert (duration["minimum"], duration["maximum"]) == (1, YEAR)
