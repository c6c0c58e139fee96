"""Bringing devices back after a start."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.errors import BridgeCode
from bridge.fake import FakeBridge
from sessions.boot import Boot
from sessions.connections import Connections
from sessions.principals import Principal
from sessions.states import DeviceStatus
from tests.support.sessions import Stage, running, soon, wait_until


def boot(stage: Stage) -> Boot:
    """Return a boot that the test moves."""
    environment = stage.service._environment
    return Boot(environment.database, Connections(environment))


def go_on(_seconds: float) -> bool:
    """Pause for no time at all."""
    return False


@pytest.fixture
def admin(stage: Stage) -> Principal:
    """The admin of a tenant."""
    return stage.register()


def test_a_restart_needs_no_new_code(tmp_path: Path) -> None:
    """A device that was online is online again, and one that was taken offline is not."""
    with running(tmp_path) as stage:
        admin = stage.register()
        online, offline = stage.link(admin, "online"), stage.link(admin, "offline")
        stage.service.devices.disconnect(admin, offline, deadline=soon())
    with running(tmp_path, stage.bridge.reopen()) as stage:
        state = stage.service.devices.status(admin, online, wait=soon(), until_connected=True)
        assert state.connected
        assert stage.status(admin, offline).status is DeviceStatus.DISCONNECTED
        connected = {call.params["device_id"] for call in stage.bridge.calls_of("device.connect")}
    assert connected == {online}


@pytest.mark.parametrize("status", ["replaced", "banned", "logged_out"])
def test_what_the_server_ended_is_not_tried_again(
    stage: Stage, admin: Principal, status: str
) -> None:
    """Coming back by itself would throw another connection out, or be in vain."""
    stage.bridge.set_status(stage.link(admin), status)
    wait_until(lambda: stage.status(admin).status == status)
    assert boot(stage).step(go_on)
    assert stage.bridge.calls_of("device.connect") == []


def test_a_device_that_was_never_linked_is_left_alone(stage: Stage, admin: Principal) -> None:
    """A pairing that the last process began is over."""
    stage.show_code(admin)
    stage.service.devices.disconnect(admin, None, deadline=soon())
    assert boot(stage).step(go_on)
    assert stage.bridge.calls_of("device.connect") == []


def test_passing_failures_are_tried_again(stage: Stage, admin: Principal) -> None:
    """A store that failed is tried in the next step, a refusal for good is not."""
    for name in ("first", "second"):
        stage.link(admin, name)
    failures = (BridgeCode.STORAGE_FAILED, BridgeCode.DEVICE_BANNED)
    stage.bridge.fail_next("device.connect", *failures)
    restoring = boot(stage)
    assert not restoring.step(go_on)
    assert len(stage.bridge.calls_of("device.connect")) == 2
    assert restoring.step(go_on)
    assert len(stage.bridge.calls_of("device.connect")) == 3


def test_who_was_taken_offline_meanwhile_stays_so(stage: Stage, admin: Principal) -> None:
    """What is wanted is looked at when the device's turn comes."""
    stage.link(admin)
    stage.bridge.fail_next("device.connect", BridgeCode.STORAGE_FAILED)
    restoring = boot(stage)
    assert not restoring.step(go_on)
    stage.service.devices.disconnect(admin, None, deadline=soon())
    assert restoring.step(go_on)
    assert len(stage.bridge.calls_of("device.connect")) == 1


def test_stopping_ends_the_step(stage: Stage, admin: Principal) -> None:
    """Between two devices a stop is noticed, and what is left is not done."""
    stage.link(admin)
    assert not boot(stage).step(lambda _seconds: True)
    assert stage.bridge.calls_of("device.connect") == []


def test_devices_of_an_ended_process_do_not_count_as_connected(tmp_path: Path) -> None:
    """Before they are back they are shown as disconnected."""
    with running(tmp_path) as stage:
        admin = stage.register()
        stage.link(admin)
    bridge: FakeBridge = stage.bridge.reopen()
    with bridge.hold("device.connect") as gate, running(tmp_path, bridge) as stage:
        gate.wait_until_held()
        assert stage.status(admin).status is DeviceStatus.DISCONNECTED
        gate.open()
        assert stage.service.devices.status(
            admin, None, wait=soon(), until_connected=True
        ).connected
