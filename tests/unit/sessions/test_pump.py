"""The pump: each event once, in order, whatever the database does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session as Transaction

from bridge.errors import BridgeCode, BridgeError
from bridge.fake import FakeBridge
from bridge.interface import COLLECTIONS, Event, EventBatch
from sessions.errors import StorageUnavailable
from sessions.principals import Principal
from sessions.pump import Pump, _is_of_patches
from sessions.states import CollectionState, DeviceStatus
from sessions.store.models import SpoolMarkRow
from sessions.times import to_milliseconds, utc_now
from tests.support.sessions import Stage, running, wait_until


@pytest.fixture
def bridge() -> FakeBridge:
    """A bridge of the pump's own, beside the stage's."""
    bridge = FakeBridge()
    bridge.start({"devices_dir": "", "network": {"kind": "whatsapp"}})
    return bridge


@pytest.fixture
def pump(stage: Stage, bridge: FakeBridge) -> Pump:
    """A pump that the test moves."""
    environment = stage.service._environment
    return Pump(bridge, environment.database, registry=environment.registry, now=utc_now)


@pytest.fixture
def admin(stage: Stage) -> Principal:
    """The admin of a tenant."""
    return stage.register()


def mark(stage: Stage, tenant_id: str) -> int | None:
    """Return the spool mark of a tenant."""
    with stage.service._environment.database.read() as transaction:
        row = transaction.get(SpoolMarkRow, tenant_id)
        return None if row is None else row.spool_id


def status_event(
    admin: Principal, device_id: str, status: str, *, spool_id: int | None, at: int | None = None
) -> Event:
    """Make a status event."""
    data = {"device_id": device_id, "status": status, "connected": False, "app_state": "ok"}
    moment = to_milliseconds(utc_now()) if at is None else at
    return Event(admin.tenant_id, device_id, "device.status", moment, data, spool_id)


def test_an_event_is_applied_once(
    stage: Stage, admin: Principal, bridge: FakeBridge, pump: Pump
) -> None:
    """One that comes again with its old spool id changes nothing."""
    device = stage.service.devices.create(admin, "phone")
    bridge.emit(status_event(admin, device.id, "banned", spool_id=5))
    pump.step()
    bridge.emit(status_event(admin, device.id, "connected", spool_id=5))
    bridge.emit(status_event(admin, device.id, "connected", spool_id=4))
    pump.step()
    assert stage.status(admin).status is DeviceStatus.BANNED
    assert mark(stage, admin.tenant_id) == 5


def picture(admin: Principal, device_id: str, jid: str, app_state: str) -> Event:
    """Make the status event of a linked device."""
    data = {"device_id": device_id, "status": "connected", "connected": True}
    data |= {"jid": jid, "app_state": app_state}
    return Event(admin.tenant_id, device_id, "device.status", to_milliseconds(utc_now()), data)


def test_a_late_picture_says_nothing_about_collections(
    stage: Stage, admin: Principal, bridge: FakeBridge, pump: Pump
) -> None:
    """A status from before the collections were read does not overrule what they said since."""
    device = stage.service.devices.create(admin, "phone")
    bridge.emit(picture(admin, device.id, "15550000001:1@s.whatsapp.net", "syncing"))
    for name in COLLECTIONS:
        read = {"collection": name, "version": 1, "state": "ok"}
        bridge.emit(Event(admin.tenant_id, device.id, "app_state.status", 1, read))
    bridge.emit(picture(admin, device.id, "15550000001:1@s.whatsapp.net", "syncing"))
    pump.step()
    assert stage.status(admin).app_state is CollectionState.OK


def test_a_new_link_begins_without_collections(
    stage: Stage, admin: Principal, bridge: FakeBridge, pump: Pump
) -> None:
    """What the collections of an earlier link said is forgotten with its account."""
    device = stage.service.devices.create(admin, "phone")
    read = {"collection": "regular_low", "version": 1, "state": "ok"}
    bridge.emit(picture(admin, device.id, "15550000001:1@s.whatsapp.net", "syncing"))
    bridge.emit(Event(admin.tenant_id, device.id, "app_state.status", 1, read))
    bridge.emit(picture(admin, device.id, "15550000001:2@s.whatsapp.net", "awaiting_keys"))
    pump.step()
    assert stage.status(admin).app_state is CollectionState.AWAITING_KEYS


def test_marks_are_kept_per_tenant(
    stage: Stage, admin: Principal, bridge: FakeBridge, pump: Pump
) -> None:
    """The same spool id of two tenants is two events."""
    other = stage.register()
    for principal in (admin, other):
        device = stage.service.devices.create(principal, "phone")
        bridge.emit(status_event(principal, device.id, "banned", spool_id=1))
    pump.step()
    assert stage.status(admin).status is stage.status(other).status is DeviceStatus.BANNED


def test_a_tenant_can_not_change_the_device_of_another(
    stage: Stage, admin: Principal, bridge: FakeBridge, pump: Pump
) -> None:
    """An event counts only for a device of its own tenant."""
    device = stage.service.devices.create(admin, "phone")
    bridge.emit(status_event(stage.register(), device.id, "banned", spool_id=1))
    pump.step()
    assert stage.status(admin).status is DeviceStatus.NEW


def test_an_event_that_makes_no_sense_holds_up_nothing(
    stage: Stage, admin: Principal, bridge: FakeBridge, pump: Pump
) -> None:
    """Whatever is wrong with it, it is skipped with its mark, and those behind it are applied."""
    device = stage.service.devices.create(admin, "phone")
    at = to_milliseconds(utc_now())
    bridge.emit(status_event(admin, device.id, "no such status", spool_id=1))
    bridge.emit(Event(admin.tenant_id, device.id, "device.status", at, {}, 2))
    bridge.emit(Event(admin.tenant_id, device.id, "of.the.future", at, {}, 3))
    bridge.emit(status_event(admin, "no-such-device", "banned", spool_id=4))
    odd: Any = ["no mapping"]
    bridge.emit(Event(admin.tenant_id, device.id, "device.status", 10**30, {"status": "new"}, 5))
    bridge.emit(Event(admin.tenant_id, device.id, "device.status", at, odd, 6))
    bridge.emit(status_event(admin, device.id, "banned", spool_id=7))
    pump.step()
    assert stage.status(admin).status is DeviceStatus.BANNED
    assert mark(stage, admin.tenant_id) == 7


def test_old_events_say_nothing_about_connections_of_now(
    stage: Stage, admin: Principal, bridge: FakeBridge, pump: Pump
) -> None:
    """A "connected" from before the start means disconnected; a ban is still a ban."""
    device = stage.service.devices.create(admin, "phone")
    bridge.emit(status_event(admin, device.id, "connected", spool_id=1, at=1_781_524_800_000))
    pump.step()
    assert stage.status(admin).status is DeviceStatus.DISCONNECTED
    bridge.emit(status_event(admin, device.id, "banned", spool_id=2, at=1_781_524_800_000))
    pump.step()
    assert stage.status(admin).status is DeviceStatus.BANNED


def test_a_batch_is_acknowledged_after_its_commit(
    stage: Stage,
    admin: Principal,
    bridge: FakeBridge,
    pump: Pump,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While the database fails, the same batch comes again, and its effects come in the end."""
    device = stage.service.devices.create(admin, "phone")
    bridge.emit(status_event(admin, device.id, "banned", spool_id=1))

    @contextmanager
    def fail() -> Iterator[Transaction]:
        raise StorageUnavailable
        yield

    with monkeypatch.context() as patched:
        patched.setattr(stage.service._environment.database, "write", fail)
        for _ in range(2):
            with pytest.raises(StorageUnavailable):
                pump.step()
    assert stage.status(admin).status is DeviceStatus.NEW
    pump.step()
    assert stage.status(admin).status is DeviceStatus.BANNED


def test_the_thread_survives_errors(stage: Stage, admin: Principal) -> None:
    """After a failing step readiness says no, and yes again after the next one."""
    device = stage.service.devices.create(admin, "phone")
    stage.show_code(admin)
    database = stage.service._environment.database
    database.close()
    stage.bridge.set_status(device.id, "disconnected")
    wait_until(lambda: not stage.service.readiness()["pump"])
    database.open()
    wait_until(lambda: stage.service.readiness()["pump"])
    wait_until(lambda: stage.status(admin).status is DeviceStatus.DISCONNECTED)


def test_what_was_not_acknowledged_is_applied_after_a_restart(tmp_path: Path) -> None:
    """A ban that the last process did not get to see reaches the next one's database."""
    with running(tmp_path) as stage:
        admin = stage.register()
        device_id = stage.link(admin)
    stage.bridge.set_status(device_id, "banned")
    with running(tmp_path, stage.bridge.reopen()) as stage:
        wait_until(lambda: stage.status(admin).status is DeviceStatus.BANNED)


def test_a_stopped_bridge_ends_the_steps(pump: Pump, bridge: FakeBridge) -> None:
    """The step says so."""
    bridge.stop(deadline_ms=0)
    with pytest.raises(BridgeError) as raised:
        pump.step()
    assert raised.value.code is BridgeCode.STOPPED


@pytest.mark.parametrize(
    ("types", "may_wait"),
    [
        (["app_state.change"] * 10, True),
        (["app_state.change"] * 9, False),
        (["app_state.change"] * 10 + ["call.offer"], False),
        (["device.status"] * 10, False),
    ],
)
def test_only_what_a_patch_brings_may_wait(types: list[str], may_wait: bool) -> None:
    """A batch with a call, a status or just a few changes is stored at once."""
    events = [Event("tenant", "device", kind, 0, {}) for kind in types]
    assert _is_of_patches(EventBatch(1, events)) is may_wait
