"""Devices: choice, limits, status, connection."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bridge.errors import BridgeCode
from sessions.deadline import Deadline
from sessions.errors import (
    DeviceNotFound,
    DeviceNotLinked,
    DeviceRequired,
    DeviceTimeout,
    InvalidInput,
    QuotaExceeded,
    StorageUnavailable,
)
from sessions.principals import Principal, Role
from sessions.states import DeviceState, DeviceStatus
from tests.support.sessions import Stage, at_once, running, soon, threads, wait_until


@pytest.fixture
def admin(stage: Stage) -> Principal:
    """The admin of a tenant."""
    return stage.register()


def test_a_caller_without_a_device_is_new(stage: Stage, admin: Principal) -> None:
    """Asking for the status needs no device; acting on one does."""
    assert stage.status(admin) == DeviceState(DeviceStatus.NEW)
    for act in (stage.service.devices.connect, stage.service.devices.disconnect):
        with pytest.raises(DeviceNotLinked):
            act(admin, None, deadline=soon())


def test_the_only_device_need_not_be_named(stage: Stage, admin: Principal) -> None:
    """With one device nothing is said, with two one must be named."""
    first = stage.service.devices.create(admin, " phone ")
    assert first.name == "phone"
    assert stage.status(admin).device_id == first.id
    second = stage.service.devices.create(admin, "tablet")
    with pytest.raises(DeviceRequired):
        stage.status(admin)
    assert stage.status(admin, second.id.upper()).device_id == second.id
    assert [device.id for device in stage.devices(admin)] == [first.id, second.id]


def test_another_tenants_device_is_not_found(stage: Stage, admin: Principal) -> None:
    """It can't be told from one that doesn't exist."""
    device = stage.service.devices.create(admin, "phone")
    stranger = stage.register()
    for device_id in (device.id, "no-such-device"):
        with pytest.raises(DeviceNotFound):
            stage.status(stranger, device_id)
    assert stage.devices(stranger) == []


@pytest.mark.parametrize(
    ("role", "is_found"), [(Role.USER, False), (Role.MANAGER, True), (Role.ADMIN, True)]
)
def test_roles_decide_about_devices_of_others(
    stage: Stage, admin: Principal, role: Role, is_found: bool
) -> None:
    """Managers and admins may name and list any device of the tenant, a user his own."""
    device = stage.service.devices.create(admin, "phone")
    other = replace(admin, user_id="another-user", role=role)
    assert bool(stage.devices(other)) is is_found
    assert stage.status(other).device_id is None
    if is_found:
        assert stage.status(other, device.id).device_id == device.id
    else:
        with pytest.raises(DeviceNotFound):
            stage.status(other, device.id)


def test_devices_have_quotas(tmp_path: Path) -> None:
    """Neither a user nor a tenant can have more, also when asking at the same time."""
    with running(tmp_path, devices_per_user=3) as stage:
        admin = stage.register()
        add = [lambda: stage.service.devices.create(admin, "phone")] * 8
        with threads(add) as outcomes:
            pass
        refused = [outcome for outcome in outcomes if isinstance(outcome, QuotaExceeded)]
        assert len(stage.devices(admin)) == 3
        assert len(refused) == 5
        assert "a user has at most 3 devices" in refused[0].message


def test_a_tenant_has_a_quota_too(tmp_path: Path) -> None:
    """It counts the devices of all its users."""
    with running(tmp_path, devices_per_tenant=1) as stage:
        admin = stage.register()
        stage.service.devices.create(admin, "phone")
        with pytest.raises(QuotaExceeded, match="a tenant has at most 1 devices"):
            stage.service.devices.create(admin, "phone")


@pytest.mark.parametrize("name", ["", "  ", "x" * 101])
def test_a_device_needs_a_name(stage: Stage, admin: Principal, name: str) -> None:
    """It has 1 to 100 characters."""
    with pytest.raises(InvalidInput):
        stage.service.devices.create(admin, name)


def test_a_linked_device_shows_who_it_is(stage: Stage, admin: Principal) -> None:
    """The number is that of the account, and a LID is not shown as one."""
    device = stage.service.devices.create(admin, "phone")
    stage.show_code(admin)
    stage.bridge.link(device.id, "15550001111", lid="200000000000001")
    state = stage.service.devices.status(admin, None, wait=soon(), until_connected=True)
    assert state.jid == "15550001111@s.whatsapp.net"
    assert state.phone_number == "15550001111"
    assert state.is_logged_in
    assert state.last_seen_at is not None
    assert stage.devices(admin)[0].lid == "200000000000001@lid"


def test_who_disconnects_sees_it_at_once(stage: Stage, admin: Principal) -> None:
    """The answer and the next read agree, and connecting brings it back."""
    device_id = stage.link(admin)
    result = stage.service.devices.disconnect(admin, None, deadline=soon())
    assert stage.status(admin).status is result.status is DeviceStatus.DISCONNECTED
    assert stage.status(admin).is_logged_in
    again = stage.service.devices.connect(admin, None, deadline=soon())
    assert (again.device_id, again.needs_qr) == (device_id, False)
    assert stage.service.devices.status(admin, None, wait=soon(), until_connected=True).connected


def test_connecting_without_keys_needs_a_code(stage: Stage, admin: Principal) -> None:
    """That is no error."""
    device = stage.service.devices.create(admin, "phone")
    result = stage.service.devices.connect(admin, None, deadline=soon())
    assert (result.device_id, result.status, result.needs_qr) == (
        device.id,
        DeviceStatus.NEW,
        True,
    )


def test_logging_out_drops_the_keys(stage: Stage, admin: Principal) -> None:
    """Whether WhatsApp confirmed it is said, and the next read shows it."""
    stage.link(admin)
    assert stage.service.devices.logout(admin, None, deadline=soon()).unlinked
    state = stage.status(admin)
    assert (state.status, state.jid, state.is_logged_in) == (DeviceStatus.LOGGED_OUT, None, False)
    assert stage.service.devices.connect(admin, None, deadline=soon()).needs_qr


def test_waiting_ends_with_a_change(stage: Stage, admin: Principal) -> None:
    """A long poll answers when the status changes, with the reason."""
    device_id = stage.link(admin)
    watch = lambda: stage.service.devices.status(  # noqa: E731
        admin, None, wait=soon(), until_connected=False
    )
    session = stage.service._environment.registry.session_of(stage.devices(admin)[0])
    with threads([watch]) as outcomes:
        wait_until(lambda: bool(session._watchers))
        stage.bridge.set_status(device_id, "replaced", "another connection")
    [state] = outcomes
    assert (state.status, state.reason) == (DeviceStatus.REPLACED, "another connection")


def test_waiting_for_a_connection_outlasts_other_changes(stage: Stage, admin: Principal) -> None:
    """Until it is connected, other changes don't answer."""
    device_id = stage.link(admin)
    stage.bridge.set_status(device_id, "disconnected")
    wait_until(lambda: not stage.status(admin).connected)
    watch = lambda: stage.service.devices.status(  # noqa: E731
        admin, None, wait=soon(), until_connected=True
    )
    session = stage.service._environment.registry.session_of(stage.devices(admin)[0])
    with threads([watch]) as outcomes:
        for status in ("connecting", "connected"):
            wait_until(lambda: bool(session._watchers))
            stage.bridge.set_status(device_id, status)
            wait_until(lambda status=status: stage.status(admin).status == status)
    assert outcomes[0].connected


def test_waiting_has_an_end(stage: Stage, admin: Principal) -> None:
    """Without a change the state is answered at the deadline, and at once without a slot."""
    stage.link(admin)
    brief = Deadline.after(0.01)
    state = stage.service.devices.status(admin, None, wait=brief, until_connected=False)
    assert state.connected
    with stage.service._environment.admission.poll(admin.user_id) as granted:
        assert granted


def test_a_user_without_a_poll_slot_is_answered_at_once(tmp_path: Path) -> None:
    """Waiting is a favour: without a slot the present state is the answer."""
    with running(tmp_path, polls_per_user=0) as stage:
        admin = stage.register()
        stage.service.devices.create(admin, "phone")
        state = stage.service.devices.status(
            admin, None, wait=Deadline.after(3600), until_connected=True
        )
        assert state.status is DeviceStatus.NEW


def test_the_worst_collection_shows(stage: Stage, admin: Principal) -> None:
    """The device's app state is that of its worst collection; it is ok when all have been read."""
    device_id = stage.link(admin)
    for name, state, expected in (
        ("critical_block", "ok", "syncing"),
        ("critical_unblock_low", "ok", "syncing"),
        ("regular_low", "wedged", "wedged"),
        ("regular_high", "awaiting_keys", "wedged"),
        ("regular_low", "ok", "awaiting_keys"),
        ("regular_high", "ok", "syncing"),
        ("regular", "ok", "ok"),
    ):
        stage.bridge.set_collection(device_id, name, state)
        wait_until(lambda expected=expected: stage.status(admin).app_state == expected)


def test_a_command_that_is_not_done_in_time_is_unknown(stage: Stage, admin: Principal) -> None:
    """The request leaves at its deadline while the bridge is still at it."""
    stage.link(admin)
    with stage.bridge.hold("device.disconnect"), pytest.raises(DeviceTimeout):
        stage.service.devices.disconnect(admin, None, deadline=Deadline.after(0.05))


def test_a_bridge_error_is_the_requests_own(stage: Stage, admin: Principal) -> None:
    """A store that failed is a storage error, and the next request works."""
    stage.link(admin)
    stage.bridge.fail_next("device.connect", BridgeCode.STORAGE_FAILED)
    with pytest.raises(StorageUnavailable):
        stage.service.devices.connect(admin, None, deadline=soon())
    stage.service.devices.connect(admin, None, deadline=soon())


def test_a_request_without_time_changes_nothing(stage: Stage, admin: Principal) -> None:
    """A deadline that has passed before its turn leaves the bridge alone."""
    stage.link(admin)
    before = len(stage.bridge.calls_of("device.disconnect"))
    with pytest.raises(DeviceTimeout):
        stage.service.devices.disconnect(admin, None, deadline=at_once())
    assert len(stage.bridge.calls_of("device.disconnect")) == before
    assert stage.status(admin).connected
