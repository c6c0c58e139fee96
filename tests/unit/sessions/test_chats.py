"""Archiving."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bridge.errors import BridgeCode
from sessions.addresses import Address
from sessions.addressing import MirrorAddresses
from sessions.chats import build_archive
from sessions.errors import (
    AppStateBroken,
    AppStateNotReady,
    DeviceError,
    DeviceLoggedOut,
    DeviceNotFound,
    DeviceNotLinked,
    DeviceNotReady,
    DeviceRequired,
    InvalidInput,
    ServiceError,
)
from sessions.principals import Principal
from sessions.states import DeviceKey
from sessions.times import to_milliseconds, utc_now
from tests.support.sessions import Stage, soon

CHAT = "15550001111@s.whatsapp.net"
JUNE = datetime(2026, 6, 15, 12, 0, 0, 123_999, tzinfo=UTC)


@pytest.fixture
def admin(stage: Stage) -> Principal:
    """The admin of a tenant."""
    return stage.register()


def sent(stage: Stage) -> list[Any]:
    """Return the params of what was sent."""
    return [call.params for call in stage.bridge.calls_of("app_state.apply")]


def address(monkeypatch: pytest.MonkeyPatch, known: Address) -> None:
    """Let every chat have an address."""

    def look_up(_: MirrorAddresses, __: DeviceKey, jids: Sequence[str]) -> Sequence[Address]:
        return [known for _ in jids]

    monkeypatch.setattr(MirrorAddresses, "__call__", look_up)


def test_archiving_also_unpins() -> None:
    """As WhatsApp Web does; bringing a chat back leaves the pin alone."""
    archive, pin = build_archive(CHAT, archived=True, range_end=JUNE)
    assert archive.to_bridge() == {
        "type": "archive",
        "chat_jid": CHAT,
        "archived": True,
        "range_at": 1_781_524_800_123,
    }
    assert pin.to_bridge() == {"type": "pin", "chat_jid": CHAT, "pinned": False}
    [unarchive] = build_archive(CHAT, archived=False, range_end=JUNE)
    assert unarchive.to_bridge()["archived"] is False


def test_a_chat_is_archived(stage: Stage, admin: Principal) -> None:
    """The normalised JID is answered once the server has accepted the patch."""
    device_id = stage.link(admin)
    assert stage.archive(admin, "+1 555 000-1111") == CHAT
    values = stage.bridge.device(device_id).values
    assert values["archive", CHAT]["archived"] is True
    assert values["pin_v1", CHAT]["pinned"] is False
    assert sent(stage)[0]["collection"] == "regular_low"


def test_the_range_ends_at_the_hint(stage: Stage, admin: Principal) -> None:
    """The time of the last message is used as given, in milliseconds."""
    stage.link(admin)
    stage.service.chats.archive(
        admin, CHAT, archived=False, last_message_timestamp=JUNE, device_id=None, deadline=soon()
    )
    assert sent(stage)[0]["mutations"][0]["range_at"] == 1_781_524_800_123


def test_the_range_ends_now_without_a_hint(stage: Stage, admin: Principal) -> None:
    """What is not known to be older counts as archived."""
    stage.link(admin)
    before = utc_now()
    stage.archive(admin, CHAT)
    range_at = sent(stage)[0]["mutations"][0]["range_at"]
    assert int(before.timestamp() * 1000) <= range_at <= int(utc_now().timestamp() * 1000)


def test_the_range_ends_after_the_newest_message(
    stage: Stage, admin: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sender's clock may be ahead; the chat is patched under the JID by which it is known."""
    stage.link(admin)
    ahead = utc_now() + timedelta(hours=1)
    known = Address("200000000000042@lid", newest_message_at=ahead)
    address(monkeypatch, known)
    assert stage.archive(admin, CHAT) == CHAT
    archive = sent(stage)[0]["mutations"][0]
    assert archive["chat_jid"] == known.jid
    assert archive["range_at"] == to_milliseconds(ahead) + 1000


def test_a_known_message_of_the_past_changes_nothing(
    stage: Stage, admin: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The range ends now, for there may be newer ones."""
    stage.link(admin)
    known = Address(CHAT, newest_message_at=JUNE - timedelta(days=999))
    address(monkeypatch, known)
    before = to_milliseconds(utc_now())
    stage.archive(admin, CHAT)
    assert sent(stage)[0]["mutations"][0]["range_at"] >= before


def test_archiving_again_is_sent_again(stage: Stage, admin: Principal) -> None:
    """The phone may have brought the chat back by itself."""
    stage.link(admin)
    for _ in range(2):
        stage.archive(admin, CHAT)
    assert len(sent(stage)) == 2


def test_a_bad_jid_sends_nothing(stage: Stage, admin: Principal) -> None:
    """It is refused before anything else is looked at."""
    with pytest.raises(InvalidInput):
        stage.archive(admin, "status@broadcast")
    assert stage.bridge.calls == []


def test_there_must_be_a_device(stage: Stage, admin: Principal) -> None:
    """Without any it is not linked, with several one must be named, and it must be one's own."""
    with pytest.raises(DeviceNotLinked):
        stage.archive(admin, CHAT)
    devices = [stage.service.devices.create(admin, "phone").id for _ in range(2)]
    with pytest.raises(DeviceRequired):
        stage.archive(admin, CHAT)
    with pytest.raises(DeviceNotLinked):
        stage.archive(admin, CHAT, device_id=devices[0])
    with pytest.raises(DeviceNotFound):
        stage.archive(stage.register(), CHAT, device_id=devices[0])
    assert [call.method for call in stage.bridge.calls] == ["device.create", "app_state.apply"]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("disconnected", DeviceNotReady),
        ("connecting", DeviceNotReady),
        ("logged_out", DeviceLoggedOut),
    ],
)
def test_the_device_must_be_connected(
    stage: Stage, admin: Principal, status: str, expected: type[ServiceError]
) -> None:
    """What the device is decides the error."""
    stage.bridge.set_status(stage.link(admin), status)
    with pytest.raises(expected):
        stage.archive(admin, CHAT)


def test_the_keys_must_be_there(stage: Stage, admin: Principal) -> None:
    """Without the account's keys the request may be repeated later, a broken state may not."""
    device = stage.bridge.device(stage.link(admin))
    device.has_keys = False
    with pytest.raises(AppStateNotReady) as raised:
        stage.archive(admin, CHAT)
    assert raised.value.retry_after
    device.app_state = "wedged"
    with pytest.raises(AppStateBroken):
        stage.archive(admin, CHAT)


def test_a_refused_mutation_is_a_device_error(stage: Stage, admin: Principal) -> None:
    """WhatsApp refused this chat, and another one still works."""
    stage.bridge.device(stage.link(admin)).refused_chats.add(CHAT)
    with pytest.raises(DeviceError):
        stage.archive(admin, CHAT)
    stage.archive(admin, "15550002222")


def test_nothing_is_sent_again_by_itself(stage: Stage, admin: Principal) -> None:
    """A failed patch is the client's to repeat: the bridge has done what could be done."""
    stage.link(admin)
    stage.bridge.fail_next("app_state.apply", BridgeCode.SERVER_UNAVAILABLE)
    with pytest.raises(DeviceError) as raised:
        stage.archive(admin, CHAT)
    assert raised.value.retry_after
    assert len(sent(stage)) == 1
