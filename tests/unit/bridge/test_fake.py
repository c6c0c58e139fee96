"""The stand-in keeps the contract where the tests above it rely on it."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bridge.errors import BridgeCode, BridgeError
from bridge.fake import FakeBridge
from bridge.fake_methods import METHODS
from bridge.interface import COLLECTIONS, Bridge
from tests.support.fakes import CONFIG, DEVICE, KEY, TENANT, code_of, link

CONTRACT = Path(__file__).parents[3] / "docs" / "bridge.md"
CHAT = "15550001111@s.whatsapp.net"
ARCHIVE = {"type": "archive", "chat_jid": CHAT, "archived": True, "range_at": 1}


def apply(bridge: FakeBridge, *mutations: Mapping[str, Any]) -> Mapping[str, Any]:
    """Apply mutations to the collection of archives."""
    params = {**KEY, "collection": "regular_low", "mutations": list(mutations)}
    return bridge.call("app_state.apply", params, timeout_ms=1000)


def test_it_is_a_bridge(bridge: Bridge) -> None:
    """It has the interface's methods."""
    assert bridge.call("device.list", {"tenant_id": TENANT}, timeout_ms=1)["devices"]


@pytest.mark.parametrize(
    ("method", "params", "expected"),
    [
        ("device.fly", KEY, BridgeCode.UNKNOWN_METHOD),
        ("device.status", {**KEY, "extra": 1}, BridgeCode.INVALID_ARGUMENT),
        ("device.status", {"tenant_id": TENANT}, BridgeCode.INVALID_ARGUMENT),
        ("device.status", {**KEY, "device_id": "X"}, BridgeCode.INVALID_ARGUMENT),
        ("device.status", {**KEY, "device_id": TENANT}, BridgeCode.DEVICE_NOT_FOUND),
        ("device.status", {**KEY, "tenant_id": DEVICE}, BridgeCode.DEVICE_NOT_FOUND),
        ("device.logout", KEY, BridgeCode.DEVICE_NOT_LINKED),
    ],
)
def test_what_does_not_fit_is_refused(
    bridge: FakeBridge, method: str, params: Mapping[str, Any], expected: BridgeCode
) -> None:
    """Unknown methods, params and devices have codes of their own."""
    assert code_of(bridge, method, params) is expected


@pytest.mark.parametrize(
    "mutations",
    [
        [],
        [ARCHIVE, ARCHIVE],
        [ARCHIVE] * 101,
        [{**ARCHIVE, "extra": 1}],
        [{"type": "archive", "chat_jid": CHAT, "archived": True}],
        [{"type": "mute", "chat_jid": CHAT, "muted": True}],
        [{"type": "fly", "chat_jid": CHAT}],
    ],
)
def test_a_wrong_patch_is_refused(bridge: FakeBridge, mutations: list[dict[str, Any]]) -> None:
    """Too few, too many, one index twice, or not of the collection."""
    link(bridge)
    with pytest.raises(BridgeError) as raised:
        apply(bridge, *mutations)
    assert raised.value.code is BridgeCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("call.reject", {"call_id": "C1", "from": CHAT}),
        ("message.send_text", {"to": CHAT, "text": "", "message_id": "A" * 16}),
        ("message.send_text", {"to": CHAT, "text": "x", "message_id": "a" * 16}),
        ("message.send_text", {"to": "1@g.us", "text": "x", "message_id": "A" * 16}),
        ("chat.typing", {"chat_jid": CHAT, "state": "recording", "media": "audio"}),
        ("chat.set_disappearing", {"chat_jid": CHAT, "seconds": 3600}),
        ("presence.set", {"state": "online"}),
        ("presence.subscribe", {"jid": "1@g.us"}),
    ],
)
def test_what_is_no_talk_is_refused(
    bridge: FakeBridge, method: str, params: Mapping[str, Any]
) -> None:
    """Values that the bridge does not know are wrong arguments, and nothing is sent."""
    link(bridge)
    assert code_of(bridge, method, {**KEY, **params}) is BridgeCode.INVALID_ARGUMENT


def test_a_text_is_read_once_however_often_it_is_sent(bridge: FakeBridge) -> None:
    """Its id makes it one message; without a connection none is sent."""
    text = {**KEY, "to": CHAT, "text": "x", "message_id": "A" * 16}
    assert code_of(bridge, "message.send_text", text) is BridgeCode.DEVICE_NOT_LINKED
    link(bridge)
    for _ in range(2):
        bridge.call("message.send_text", text, timeout_ms=1000)
    assert bridge.device(DEVICE).talk.texts == {"A" * 16: (CHAT, "x")}


def test_versions_count_patches(bridge: FakeBridge) -> None:
    """Each accepted patch makes the next version of its collection."""
    link(bridge)
    assert [apply(bridge, ARCHIVE)["version"] for _ in range(2)] == [1, 2]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("disconnected", BridgeCode.DEVICE_NOT_CONNECTED),
        ("logged_out", BridgeCode.DEVICE_LOGGED_OUT),
        ("replaced", BridgeCode.DEVICE_REPLACED),
        ("banned", BridgeCode.DEVICE_BANNED),
        ("outdated", BridgeCode.DEVICE_OUTDATED),
    ],
)
def test_the_status_decides_the_code(bridge: FakeBridge, status: str, expected: BridgeCode) -> None:
    """A device that is not connected takes no patch."""
    link(bridge)
    bridge.set_status(DEVICE, status)
    with pytest.raises(BridgeError) as raised:
        apply(bridge, ARCHIVE)
    assert raised.value.code is expected


def test_a_batch_comes_again_until_it_is_acknowledged(bridge: FakeBridge) -> None:
    """Unchanged, with its number; spool ids rise, and fleeting events have none."""
    link(bridge)
    batch = bridge.next_events(0, timeout_ms=0)
    assert bridge.next_events(0, timeout_ms=0) is batch
    spooled = [event.spool_id for event in batch.events if event.spool_id is not None]
    assert spooled == sorted(set(spooled))
    assert {event.type for event in batch.events if event.spool_id is None} == {"qr.generated"}
    nothing = bridge.next_events(batch.number, timeout_ms=0)
    assert (nothing.number, nothing.events) == (batch.number, ())


def test_a_next_process_finds_what_was_not_acknowledged(bridge: FakeBridge) -> None:
    """Spooled events survive, fleeting ones don't; the keys are there, and what the store has."""
    link(bridge)
    batch = bridge.next_events(0, timeout_ms=0)
    successor = bridge.reopen()
    successor.start(CONFIG)
    again = successor.next_events(0, timeout_ms=0)
    spooled = [event for event in batch.events if event.spool_id is not None]
    assert list(again.events[: len(spooled)]) == spooled
    loaded = again.events[len(spooled) :]
    assert [event.data["collection"] for event in loaded] == list(COLLECTIONS)
    assert all(event.data["loaded"] for event in loaded)
    assert successor.call("device.status", KEY, timeout_ms=1000)["status"] == "disconnected"


def test_a_stopped_bridge_answers_so(bridge: FakeBridge) -> None:
    """Calls and the wait for events end with STOPPED, also before the start."""
    bridge.stop(deadline_ms=0)
    assert code_of(bridge, "device.status", KEY) is BridgeCode.STOPPED
    with pytest.raises(BridgeError):
        bridge.next_events(0, timeout_ms=60_000)
    assert code_of(FakeBridge(), "device.status", KEY) is BridgeCode.STOPPED


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("app_state.apply", BridgeCode.OUTCOME_UNKNOWN),
        ("device.logout", BridgeCode.OUTCOME_UNKNOWN),
        ("device.erase", BridgeCode.OUTCOME_UNKNOWN),
        ("tenant.erase", BridgeCode.OUTCOME_UNKNOWN),
        ("call.reject", BridgeCode.OUTCOME_UNKNOWN),
        ("message.send_text", BridgeCode.OUTCOME_UNKNOWN),
        ("device.passkey_answer", BridgeCode.OUTCOME_UNKNOWN),
        ("device.status", BridgeCode.DEADLINE_EXCEEDED),
    ],
)
def test_a_held_call_ends_at_its_timeout(
    bridge: FakeBridge, method: str, expected: BridgeCode
) -> None:
    """What may have been sent has an unknown outcome, anything else has not begun."""
    with bridge.hold(method), pytest.raises(BridgeError) as raised:
        bridge.call(method, KEY, timeout_ms=1)
    assert (raised.value.code, raised.value.retryable) == (expected, True)


def test_a_timeout_is_positive(bridge: FakeBridge) -> None:
    """No time at all is a wrong argument."""
    with pytest.raises(BridgeError) as raised:
        bridge.call("device.status", KEY, timeout_ms=0)
    assert raised.value.code is BridgeCode.INVALID_ARGUMENT


@pytest.mark.parametrize("code", BridgeCode)
def test_failures_on_demand_are_as_retryable_as_the_contract_says(
    bridge: FakeBridge, code: BridgeCode
) -> None:
    """The table of codes says yes or no of each."""
    lines = CONTRACT.read_text(encoding="utf-8").splitlines()
    rows = [line.split("|") for line in lines if line.startswith("| `")]
    verdict = next(row[2].strip() for row in rows if f"`{code}`" in row[1])
    bridge.fail_next("device.status", code)
    with pytest.raises(BridgeError) as raised:
        bridge.call("device.status", KEY, timeout_ms=1000)
    assert (raised.value.code, raised.value.retryable) == (code, verdict == "yes")


def test_disconnecting_changes_no_status_that_the_server_decided(bridge: FakeBridge) -> None:
    """A device that was replaced stays so."""
    link(bridge)
    bridge.set_status(DEVICE, "replaced", "another_connection")
    status = bridge.call("device.disconnect", KEY, timeout_ms=1000)
    assert (status["status"], status["reason"]) == ("replaced", "another_connection")


def test_every_method_is_there(bridge: FakeBridge) -> None:
    """The table of methods names each one that it knows, and no other."""
    text = CONTRACT.read_text(encoding="utf-8").partition("A **status** is")[0]
    named = re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \|", text, re.MULTILINE)
    assert len(named) > len(METHODS)
    assert set(METHODS) < set(named)
    unknown = [
        name for name in named if code_of(bridge, name, {"x": 1}) is BridgeCode.UNKNOWN_METHOD
    ]
    assert unknown == []


def test_a_device_that_is_not_there_can_not_be_looked_at(bridge: FakeBridge) -> None:
    """It raises KeyError."""
    with pytest.raises(KeyError):
        bridge.device(TENANT)


def test_an_erased_device_is_unknown_and_erasing_again_is_no_error(bridge: FakeBridge) -> None:
    """Erasing tells whether WhatsApp confirmed the logout, and leaves no device."""
    link(bridge)
    assert bridge.call("device.erase", KEY, timeout_ms=1000) == {"unlinked": True}
    assert bridge.call("device.erase", KEY, timeout_ms=1000) == {"unlinked": False}
    assert code_of(bridge, "device.status", KEY) is BridgeCode.DEVICE_NOT_FOUND


def test_an_erased_tenant_has_no_devices(bridge: FakeBridge) -> None:
    """Erasing a tenant counts its devices and those that were unlinked."""
    link(bridge)
    bridge.call("device.create", {**KEY, "device_id": str(uuid.UUID(int=3))}, timeout_ms=1000)
    erased = bridge.call("tenant.erase", {"tenant_id": TENANT}, timeout_ms=1000)
    assert erased == {"devices": 2, "unlinked": 1}
    assert bridge.call("device.list", {"tenant_id": TENANT}, timeout_ms=1000) == {"devices": []}


def test_statistics_count_devices_by_status(bridge: FakeBridge) -> None:
    """Every status is there, also one that no device is in."""
    link(bridge)
    apply(bridge, ARCHIVE)
    stats = bridge.call("bridge.stats", {}, timeout_ms=1000)
    assert stats["devices"]["connected"] == 1
    assert stats["devices"]["banned"] == 0
    assert (stats["patches"], stats["mutations"]) == (1, 1)


def test_a_wedged_collection_is_mended_by_a_full_sync_only(bridge: FakeBridge) -> None:
    """An incremental sync of it fails, a full one makes it fit for writing again."""
    link(bridge)
    bridge.set_collection(DEVICE, "regular_low", "wedged")
    params = {**KEY, "collection": "regular_low"}
    assert code_of(bridge, "app_state.sync", params) is BridgeCode.APP_STATE_BROKEN
    bridge.call("app_state.sync", {**params, "full": True}, timeout_ms=1000)
    assert apply(bridge, ARCHIVE)["version"] == 1
