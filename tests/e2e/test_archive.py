"""Archive and unarchive, from HTTP to what the phone sees."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.support.service import Caller, Service
from tests.support.simulator import Phone, Simulator

CHAT = "15557000001@s.whatsapp.net"
GROUP = "120363000000000042@g.us"
BIG = "x" * (256 * 1024)


def test_archive_reaches_the_phone(linked: Caller, phone: Phone) -> None:
    """When 200 is answered the phone sees the chat archived, not pinned, one version later."""
    before = phone.version()
    answer = linked.archive(CHAT)
    assert answer.status_code == 200
    assert answer.json() == {"success": True, "chat_jid": CHAT, "archived": True}
    assert phone.is_archived(CHAT) is True
    assert phone.is_pinned(CHAT) is False
    assert phone.version() == before + 1
    entry = phone.entry("archive", CHAT)
    assert entry is not None
    assert entry["version"] == before + 1
    assert entry["author"] == linked.device_number


def test_unarchive_reaches_the_phone(linked: Caller, phone: Phone) -> None:
    """An unarchive undoes the archive and touches nothing else."""
    linked.archive(CHAT)
    pinned_at = phone.entry("pin_v1", CHAT)
    answer = linked.archive(CHAT, archived=False)
    assert answer.status_code == 200
    assert answer.json() == {"success": True, "chat_jid": CHAT, "archived": False}
    assert phone.is_archived(CHAT) is False
    assert phone.entry("pin_v1", CHAT) == pinned_at


def test_archiving_unpins(linked: Caller, phone: Phone) -> None:
    """A chat that the phone has pinned is archived and no longer pinned."""
    phone.write(pin={"jid": CHAT, "pinned": True})
    assert linked.archive(CHAT).status_code == 200
    assert phone.is_archived(CHAT) is True
    assert phone.is_pinned(CHAT) is False


def test_archiving_again_is_sent_again(linked: Caller, phone: Phone) -> None:
    """An archive of an archived chat is a new patch: the phone may have brought it back."""
    linked.archive(CHAT)
    version = phone.version()
    assert linked.archive(CHAT).status_code == 200
    assert phone.version() == version + 1


@pytest.mark.parametrize("archived", [True, False])
@pytest.mark.parametrize("given", [1_765_000_000, "2025-12-06T06:26:40+01:00"])
def test_hint_becomes_the_range(
    linked: Caller, phone: Phone, given: int | str, archived: bool
) -> None:
    """The timestamp of the last message, in either form, becomes the range's end."""
    answer = linked.archive(CHAT, archived=archived, last_message_timestamp=given)
    assert answer.status_code == 200
    expected = {1_765_000_000: 1_765_000_000, "2025-12-06T06:26:40+01:00": 1_764_998_800}[given]
    assert range_end(phone, CHAT) == expected


def test_range_is_now_without_a_hint(linked: Caller, phone: Phone) -> None:
    """Without a hint the range ends now, so that every message so far is covered."""
    before = int(time.time())
    assert linked.archive(CHAT).status_code == 200
    assert before <= range_end(phone, CHAT) <= int(time.time()) + 1


def range_end(phone: Phone, jid: str) -> int:
    """Return the end of the archive's message range in Unix seconds."""
    entry = phone.entry("archive", jid)
    assert entry is not None
    return int(entry["value"]["archiveChatAction"]["messageRange"]["lastMessageTimestamp"])


@pytest.mark.parametrize(
    ("given", "used"),
    [
        (GROUP, GROUP),
        ("200000000000042@lid", "200000000000042@lid"),
        ("15557000002@c.us", "15557000002@s.whatsapp.net"),
        ("+1 (555) 700-0003", "15557000003@s.whatsapp.net"),
        ("15557000004%40s.whatsapp.net", "15557000004@s.whatsapp.net"),
        ("%2B15557000005", "15557000005@s.whatsapp.net"),
    ],
)
def test_jid_is_normalised(linked: Caller, phone: Phone, given: str, used: str) -> None:
    """Every accepted form of a chat's name arrives as one JID, and the answer echoes it."""
    answer = linked.archive(given)
    assert answer.status_code == 200
    assert answer.json()["chat_jid"] == used
    assert phone.is_archived(used) is True


BAD_BODIES: list[tuple[str, dict[str, Any], int, str]] = [
    ("missing", {"json": {}}, 400, "VALIDATION_ERROR"),
    ("null", {"json": {"archived": None}}, 400, "VALIDATION_ERROR"),
    ("text", {"json": {"archived": "yes"}}, 400, "VALIDATION_ERROR"),
    ("text true", {"json": {"archived": "true"}}, 400, "VALIDATION_ERROR"),
    ("number", {"json": {"archived": 1}}, 400, "VALIDATION_ERROR"),
    ("zero", {"json": {"archived": 0}}, 400, "VALIDATION_ERROR"),
    ("list", {"json": {"archived": [True]}}, 400, "VALIDATION_ERROR"),
    ("unknown field", {"json": {"archived": True, "pinned": True}}, 400, "VALIDATION_ERROR"),
    ("not an object", {"json": [True]}, 400, "VALIDATION_ERROR"),
    (
        "milliseconds",
        {"json": {"archived": True, "last_message_timestamp": 1_765_000_000_000}},
        400,
        "VALIDATION_ERROR",
    ),
    (
        "before 2009",
        {"json": {"archived": True, "last_message_timestamp": 1_000_000_000}},
        400,
        "VALIDATION_ERROR",
    ),
    (
        "no offset",
        {"json": {"archived": True, "last_message_timestamp": "2025-12-06T06:26:40"}},
        400,
        "VALIDATION_ERROR",
    ),
    (
        "boolean as time",
        {"json": {"archived": True, "last_message_timestamp": True}},
        400,
        "VALIDATION_ERROR",
    ),
    (
        "broken JSON",
        {"content": b'{"archived": tru', "headers": {"Content-Type": "application/json"}},
        400,
        "VALIDATION_ERROR",
    ),
    (
        "empty",
        {"content": b"", "headers": {"Content-Type": "application/json"}},
        400,
        "VALIDATION_ERROR",
    ),
    (
        "not UTF-8",
        {"content": b'{"archived": "\xff"}', "headers": {"Content-Type": "application/json"}},
        400,
        "VALIDATION_ERROR",
    ),
    (
        "plain text",
        {"content": b'{"archived": true}', "headers": {"Content-Type": "text/plain"}},
        415,
        "UNSUPPORTED_MEDIA_TYPE",
    ),
    ("form", {"data": {"archived": "true"}}, 415, "UNSUPPORTED_MEDIA_TYPE"),
    ("too large", {"json": {"archived": True, "note": BIG}}, 413, "PAYLOAD_TOO_LARGE"),
]


@pytest.mark.parametrize(
    ("options", "status", "code"), [row[1:] for row in BAD_BODIES], ids=[r[0] for r in BAD_BODIES]
)
def test_bad_body_sends_nothing(
    module_linked: Caller, options: dict[str, Any], status: int, code: str
) -> None:
    """A request that is not clearly an archive or an unarchive is refused and nothing is sent."""
    phone = module_linked.phone
    assert phone is not None
    before = phone.version()
    answer = module_linked.request("POST", f"/chats/{CHAT}/archive", **options)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)
    assert answer.json()["success"] is False
    assert phone.version() == before


@pytest.mark.parametrize(
    "jid",
    [
        "120363000000000099@newsletter",
        "status@broadcast",
        "15557000001@broadcast",
        "15557000001@bot",
        "15557000001@hosted",
        "15557000001@hosted.lid",
        "15557000001:12@s.whatsapp.net",
        "200000000000042:3@lid",
        "1234@s.whatsapp.net",
        "1234567890123456@s.whatsapp.net",
        "abc@s.whatsapp.net",
        "123456789@g.us",
        "12345-abc@g.us",
        "@s.whatsapp.net",
        "15557000001@",
        "15557000001@example.com",
        "15557000001@s.whatsapp.net@lid",
        "hello",
        "123456",
        "1234567890123456",
        "%2515557000001",
        "15557000001%00",
        "１５５５７００００００１",  # noqa: RUF001 - full-width digits are not digits here
    ],
)
def test_bad_jid_sends_nothing(module_linked: Caller, jid: str) -> None:
    """What does not name a user, a LID or a group is refused with the field's name."""
    phone = module_linked.phone
    assert phone is not None
    before = phone.version()
    answer = module_linked.archive(jid)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "VALIDATION_ERROR")
    assert answer.json()["validation"][0]["field"] == "chat_jid"
    assert phone.version() == before


@pytest.fixture(scope="module")
def module_linked(service: Service, simulator: Simulator) -> Caller:
    """One linked device for all refused requests: they must leave it as it is."""
    return service.register().link(simulator.add_phone())


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Bearer 7d2f6a0e-1111-1222-8333-444455556666"},
        {"Authorization": "Bearer 7d2f6a0e-1111-4222-8333-444455556666"},
        {"Authorization": "Basic dXNlcjpwYXNz"},
    ],
)
def test_no_token_no_archive(service: Service, headers: dict[str, str]) -> None:
    """Without a good token nothing is done, and the answer says how to authenticate."""
    answer = service.http.post(f"/chats/{CHAT}/archive", json={"archived": True}, headers=headers)
    assert (answer.status_code, answer.json()["error_code"]) == (401, "UNAUTHORIZED")
    assert "Bearer" in answer.headers["WWW-Authenticate"]


def test_device_not_linked(caller: Caller) -> None:
    """A device that was never linked cannot archive."""
    assert caller.request("POST", "/devices", json={"name": "new"}).status_code == 201
    answer = caller.archive(CHAT)
    assert (answer.status_code, answer.json()["error_code"]) == (409, "DEVICE_NOT_LINKED")


def test_no_device(caller: Caller) -> None:
    """A user without any device is told that nothing is linked, as for a new device."""
    answer = caller.archive(CHAT)
    assert (answer.status_code, answer.json()["error_code"]) == (409, "DEVICE_NOT_LINKED")


def test_device_not_connected(linked: Caller, phone: Phone) -> None:
    """A disconnected device answers 503 with Retry-After, and nothing is sent later."""
    before = phone.version()
    assert linked.request("POST", "/disconnect").status_code == 200
    answer = linked.archive(CHAT)
    assert (answer.status_code, answer.json()["error_code"]) == (503, "DEVICE_NOT_READY")
    assert int(answer.headers["Retry-After"]) > 0
    assert linked.request("POST", "/connect").status_code == 200
    linked.wait_usable()
    assert phone.version() == before
    assert linked.archive(CHAT).status_code == 200


def test_keys_not_there_yet(caller: Caller, phone: Phone) -> None:
    """Until the phone has shared its keys an archive answers 503 and says why."""
    phone.fault(direction="out", tag="message", action="swallow")
    caller.link(phone, usable=False)
    assert caller.status(wait=20, until="connected")["connected"] is True
    answer = caller.archive(CHAT)
    assert (answer.status_code, answer.json()["error_code"]) == (503, "APP_STATE_NOT_READY")
    assert int(answer.headers["Retry-After"]) > 0
    assert phone.is_archived(CHAT) is None
