"""Many archives at once: few patches, the right outcomes, nobody held up by others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bridge.errors import BridgeCode
from bridge.fake import Gate
from sessions.deadline import Deadline
from sessions.errors import DeviceBusy, DeviceError, DeviceNotReady, DeviceTimeout, Overloaded
from sessions.principals import Principal
from tests.support.sessions import Stage, reading, running, threads, wait_until


def chat(number: int) -> str:
    """Return the JID of a chat."""
    return f"1555{number:07}@s.whatsapp.net"


def archives(
    stage: Stage, admin: Principal, *numbers: int, **options: Any
) -> list[Callable[[], str]]:
    """Return one archive for each chat."""
    return [partial(stage.archive, admin, chat(number), **options) for number in numbers]


def waiting(stage: Stage, admin: Principal, device_id: str) -> int:
    """Count the requests that wait in the collection's lane, those in flight left out."""
    devices = {device.id: device for device in stage.devices(admin)}
    session = stage.service._environment.registry.session_of(devices[device_id])
    return int(session._collection("regular_low")._queue.waiting())


@contextmanager
def patch_in_flight(
    stage: Stage, admin: Principal, *, device_id: str | None = None
) -> Iterator[Gate]:
    """Keep a patch with chat 0 alone in flight until the gate is opened, or the block ends."""
    first = archives(stage, admin, 0, device_id=device_id)
    with stage.bridge.hold("app_state.apply") as gate, threads(first) as outcomes:
        gate.wait_until_held()
        yield gate
        gate.open()
    assert outcomes == [chat(0)]


@pytest.fixture
def admin(stage: Stage) -> Principal:
    """The admin of a tenant."""
    return stage.register()


def test_a_hundred_archives_take_few_patches(stage: Stage, admin: Principal) -> None:
    """What comes while a patch is in flight travels together in the next ones."""
    device_id = stage.link(admin)
    others = archives(stage, admin, *range(1, 100))
    with patch_in_flight(stage, admin) as gate, threads(others) as outcomes:
        wait_until(lambda: waiting(stage, admin, device_id) == 99)
        assert gate.held == 1
        gate.open()
    assert outcomes == [chat(number) for number in range(1, 100)]
    patches = stage.bridge.device(device_id).patches
    assert [len(patch) for patch in patches] == [2, 100, 98]


def test_a_patch_asks_for_its_addresses_once(stage: Stage, admin: Principal) -> None:
    """Fifty chats that travel together are looked up by one statement, and one for the account."""
    device_id = stage.link(admin)
    others = archives(stage, admin, *range(1, 51))
    with patch_in_flight(stage, admin) as gate, reading(stage, "pool") as statements:
        with threads(others) as outcomes:
            wait_until(lambda: waiting(stage, admin, device_id) == 50)
            gate.open()
        assert outcomes == [chat(number) for number in range(1, 51)]
    selects = [one for one in statements if one.startswith("SELECT")]
    assert len(selects) == 2
    assert len([one for one in selects if "FROM chats" in one]) == 1


def test_opposite_commands_of_one_chat_share_a_patch(stage: Stage, admin: Principal) -> None:
    """All of them succeed, and the chat is as the last one wants it."""
    device_id = stage.link(admin)
    archive, unarchive = archives(stage, admin, 1), archives(stage, admin, 1, archived=False)
    with patch_in_flight(stage, admin) as gate, threads(archive) as archived:
        wait_until(lambda: waiting(stage, admin, device_id) == 1)
        with threads(unarchive) as unarchived:
            wait_until(lambda: waiting(stage, admin, device_id) == 2)
            gate.open()
    assert (archived, unarchived) == ([chat(1)], [chat(1)])
    device = stage.bridge.device(device_id)
    assert sorted(mutation["type"] for mutation in device.patches[1]) == ["archive", "pin"]
    assert device.values["archive", chat(1)]["archived"] is False


def test_devices_do_not_wait_for_each_other(stage: Stage, admin: Principal) -> None:
    """Two devices of a tenant, and one of another tenant, have patches in flight at once."""
    other = stage.register()
    devices = [(admin, stage.link(admin)), (admin, stage.link(admin)), (other, stage.link(other))]
    actions = [
        action
        for principal, device_id in devices
        for action in archives(stage, principal, 1, device_id=device_id)
    ]
    with stage.bridge.hold("app_state.apply") as gate, threads(actions) as outcomes:
        gate.wait_until_held(3)
        gate.open()
    assert outcomes == [chat(1)] * 3


def test_a_tenant_can_not_take_all_threads(tmp_path: Path) -> None:
    """With its share of the pool blocked, another tenant's archive goes through."""
    with running(tmp_path, pool_size=3, tenant_running=2) as stage:
        busy, calm = stage.register(), stage.register()
        devices = [stage.link(busy) for _ in range(4)]
        stage.link(calm)
        actions = [
            action
            for device_id in devices
            for action in archives(stage, busy, 1, device_id=device_id)
        ]
        with stage.bridge.hold("app_state.apply") as gate, threads(actions) as outcomes:
            gate.wait_until_held(2)
            with threads(archives(stage, calm, 1)) as others:
                gate.wait_until_held(3)
                blocked = {call.params["tenant_id"] for call in stage.bridge.calls[-3:]}
                assert calm.tenant_id in blocked
                gate.open()
        assert others == [chat(1)]
        assert outcomes == [chat(1)] * 4


def test_a_waiter_leaves_at_its_own_deadline(stage: Stage, admin: Principal) -> None:
    """The patch goes on for those who have more time, and gets the time of the latest."""
    device_id = stage.link(admin)
    patient = archives(stage, admin, 1, deadline=Deadline.after(60))
    hasty = archives(stage, admin, 1, archived=False, deadline=Deadline.after(0.05))
    with patch_in_flight(stage, admin) as gate, threads(patient) as late:
        wait_until(lambda: waiting(stage, admin, device_id) == 1)
        with threads(hasty) as early:
            pass
        assert isinstance(early[0], DeviceTimeout)
        gate.open()
    assert late == [chat(1)]
    assert stage.bridge.calls_of("app_state.apply")[-1].timeout_ms > 30_000


def test_what_nobody_waits_for_is_never_sent(stage: Stage, admin: Principal) -> None:
    """A request that left before its patch began had no effect and never will."""
    device_id = stage.link(admin)
    with patch_in_flight(stage, admin):
        with threads(archives(stage, admin, 1, deadline=Deadline.after(0.05))) as early:
            pass
        assert isinstance(early[0], DeviceTimeout)
    stage.archive(admin, chat(2))
    sent = [m["chat_jid"] for patch in stage.bridge.device(device_id).patches for m in patch]
    assert chat(1) not in sent


def test_a_refused_chat_fails_alone(stage: Stage, admin: Principal) -> None:
    """Of many that travel together only the one that WhatsApp refused fails."""
    device_id = stage.link(admin)
    stage.bridge.device(device_id).refused_chats.add(chat(7))
    others = archives(stage, admin, *range(1, 10))
    with patch_in_flight(stage, admin) as gate, threads(others) as outcomes:
        wait_until(lambda: waiting(stage, admin, device_id) == 9)
        gate.open()
    assert isinstance(outcomes.pop(6), DeviceError)
    assert outcomes == [chat(number) for number in range(1, 10) if number != 7]


def test_a_failed_patch_fails_its_own_requests(stage: Stage, admin: Principal) -> None:
    """All that were in it, each for itself, and the next patch is none the worse."""
    device_id = stage.link(admin)
    with stage.bridge.hold("app_state.apply") as gate:
        stage.bridge.fail_next("app_state.apply", BridgeCode.OUTCOME_UNKNOWN)
        with threads(archives(stage, admin, 0)) as first:
            gate.wait_until_held()
            with threads(archives(stage, admin, 1, 2)) as second:
                wait_until(lambda: waiting(stage, admin, device_id) == 2)
                gate.open()
    assert [type(outcome) for outcome in first] == [DeviceTimeout]
    assert second == [chat(1), chat(2)]


def test_a_device_that_stays_away_fails_all_that_wait(stage: Stage, admin: Principal) -> None:
    """Who waited behind a patch that found no connection does not wait for one once more."""
    device_id = stage.link(admin)
    with stage.bridge.hold("app_state.apply") as gate, threads(archives(stage, admin, 0)) as first:
        gate.wait_until_held()
        with threads(archives(stage, admin, *range(1, 10))) as behind:
            wait_until(lambda: waiting(stage, admin, device_id) == 9)
            stage.bridge.set_status(device_id, "disconnected", "connection_lost")
            gate.open()
    assert [type(outcome) for outcome in first + behind] == [DeviceNotReady] * 10
    assert len(stage.bridge.calls_of("app_state.apply")) == 1


def test_a_slow_device_takes_only_a_few_more(tmp_path: Path) -> None:
    """While its oldest command is old, eight wait and a ninth is refused; not so elsewhere."""
    with running(tmp_path, busy_after_seconds=0.0) as stage:
        admin = stage.register()
        slow, calm = stage.link(admin), stage.link(admin)
        others = archives(stage, admin, *range(1, 8), device_id=slow)
        with (
            patch_in_flight(stage, admin, device_id=slow) as gate,
            threads(others) as outcomes,
        ):
            wait_until(lambda: waiting(stage, admin, slow) == 7)
            with pytest.raises(DeviceBusy):
                stage.archive(admin, chat(8), device_id=slow)
            with threads(archives(stage, admin, 8, device_id=calm)) as elsewhere:
                gate.wait_until_held(2)
                gate.open()
        assert outcomes == [chat(number) for number in range(1, 8)]
        assert elsewhere == [chat(8)]


def test_a_lane_has_a_bound(tmp_path: Path) -> None:
    """More than fit into a lane are refused, those inside succeed."""
    with running(tmp_path, lane_limit=3) as stage:
        admin = stage.register()
        device_id = stage.link(admin)
        inside = archives(stage, admin, 1, 2, 3)
        with patch_in_flight(stage, admin) as gate, threads(inside) as outcomes:
            wait_until(lambda: waiting(stage, admin, device_id) == 3)
            with pytest.raises(DeviceBusy):
                stage.archive(admin, chat(4))
            gate.open()
        assert outcomes == [chat(number) for number in range(1, 4)]


def test_commands_beyond_the_slots_are_refused_at_once(tmp_path: Path) -> None:
    """They don't wait for a slot."""
    with running(tmp_path, command_slots=2) as stage:
        admin = stage.register()
        device_id = stage.link(admin)
        second = archives(stage, admin, 1)
        with patch_in_flight(stage, admin) as gate, threads(second) as outcomes:
            wait_until(lambda: waiting(stage, admin, device_id) == 1)
            with pytest.raises(Overloaded):
                stage.archive(admin, chat(2))
            gate.open()
        assert outcomes == [chat(1)]


def test_a_slow_bridge_ends_with_the_deadline(stage: Stage, admin: Principal) -> None:
    """The bridge is told how long it may take, and the lane is free afterwards."""
    stage.link(admin)
    with stage.bridge.hold("app_state.apply"), pytest.raises(DeviceTimeout):
        stage.archive(admin, chat(0), deadline=Deadline.after(0.05))
    assert stage.bridge.calls_of("app_state.apply")[0].timeout_ms <= 50
    assert stage.archive(admin, chat(1)) == chat(1)
