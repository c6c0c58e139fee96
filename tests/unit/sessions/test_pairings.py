"""Linking: codes, progress, limits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.errors import BridgeCode
from bridge.fake import FakeBridge
from sessions.errors import DeviceAlreadyLinked, DeviceError, DeviceRequired, QuotaExceeded
from sessions.principals import Principal
from sessions.states import DeviceStatus, PairingMethod, PairingState, PairingStatus
from sessions.times import from_milliseconds
from tests.support.sessions import Stage, at_once, running, soon, threads, wait_until

# In the future, because what is older than the process would count as left over from another one.
START = 4_000_000_000_000


class Clock:
    """Milliseconds that the test moves."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The bridge's clock."""
    return Clock()


@pytest.fixture
def stage(tmp_path: Path, clock: Clock) -> Iterator[Stage]:
    """A service whose bridge has a clock of the test."""
    with running(tmp_path, FakeBridge(clock), pairings_per_tenant=2, pairings=3) as stage:
        yield stage


@pytest.fixture
def admin(stage: Stage) -> Principal:
    """The admin of a tenant."""
    return stage.register()


def watch(stage: Stage, principal: Principal, device_id: str | None = None) -> PairingStatus:
    """Return how a pairing stands now."""
    return stage.service.devices.pairing(principal, device_id, wait=at_once())


def test_a_caller_without_a_device_gets_one(stage: Stage, admin: Principal) -> None:
    """However many codes are asked for at once, one device "default" is made."""
    with threads([lambda: stage.show_code(admin)] * 6) as outcomes:
        pass
    [device] = stage.devices(admin)
    assert device.name == "default"
    assert {outcome.device_id for outcome in outcomes} == {device.id}
    assert len({outcome.code for outcome in outcomes}) == 1


def test_a_code_says_how_long_it_counts(stage: Stage, admin: Principal, clock: Clock) -> None:
    """The same code is shown until it runs out, and the next one is the second attempt."""
    first = stage.show_code(admin)
    assert first.generated_at == from_milliseconds(START)
    assert first.expires_at == from_milliseconds(START + 60_000)
    assert (first.attempt, first.cached) == (1, False)
    clock.now += 59_999
    again = stage.show_code(admin)
    assert (again.code, again.cached) == (first.code, True)
    clock.now += 1
    second = stage.show_code(admin)
    assert second.code != first.code
    assert (second.attempt, second.cached) == (2, False)


def test_a_fresh_code_can_be_asked_for(stage: Stage, admin: Principal) -> None:
    """Refreshing gives the next code before the old one has run out."""
    first = stage.show_code(admin)
    second = stage.service.devices.qr(admin, None, refresh=True, deadline=soon())
    assert (second.attempt, second.cached) == (2, False)
    assert second.code != first.code


def test_the_progress_is_told(stage: Stage, admin: Principal) -> None:
    """From nothing over a code on show to linked."""
    assert watch(stage, admin) == PairingStatus(exists=False, state=PairingState.NONE, attempt=0)
    code = stage.show_code(admin)
    assert watch(stage, admin) == PairingStatus(
        exists=True,
        state=PairingState.WAITING,
        attempt=1,
        method=PairingMethod.QR,
        generated_at=code.generated_at,
        expires_at=code.expires_at,
    )
    assert stage.status(admin).status is DeviceStatus.PAIRING
    stage.bridge.link(code.device_id)
    linked = watch(stage, admin)
    assert (linked.exists, linked.state) == (False, PairingState.LINKED)


def test_waiting_ends_when_the_phone_has_scanned(stage: Stage, admin: Principal) -> None:
    """A long poll answers with the new state."""
    code = stage.show_code(admin)
    [device] = stage.devices(admin)
    session = stage.service._environment.registry.session_of(device)
    poll = lambda: stage.service.devices.pairing(admin, None, wait=soon())  # noqa: E731
    with threads([poll]) as outcomes:
        wait_until(lambda: bool(session._watchers))
        stage.bridge.link(code.device_id)
    assert outcomes[0].state is PairingState.LINKED


def test_waiting_for_nothing_ends_at_once(stage: Stage, admin: Principal) -> None:
    """Where no pairing runs, there is nothing to wait for."""
    stage.service.devices.create(admin, "phone")
    status = stage.service.devices.pairing(admin, None, wait=soon())
    assert status.state is PairingState.NONE


def test_a_pairing_that_nobody_watches_expires(
    stage: Stage, admin: Principal, clock: Clock
) -> None:
    """Three minutes after the last look it is over, and the device is new again."""
    stage.show_code(admin)
    clock.now += 179_000
    assert watch(stage, admin).state is PairingState.WAITING
    clock.now += 180_000
    assert watch(stage, admin).state is PairingState.EXPIRED
    wait_until(lambda: stage.status(admin).status is DeviceStatus.NEW)
    assert stage.show_code(admin).attempt == 1


def test_a_linked_device_shows_no_code(stage: Stage, admin: Principal) -> None:
    """It is linked already, and stays so."""
    stage.link(admin)
    with pytest.raises(DeviceAlreadyLinked):
        stage.show_code(admin)
    assert stage.status(admin).connected


def test_a_refused_pairing_may_be_repeated(stage: Stage, admin: Principal) -> None:
    """The error says when, and the next try works."""
    stage.bridge.fail_next("device.qr", BridgeCode.PAIRING_FAILED)
    with pytest.raises(DeviceError) as raised:
        stage.show_code(admin)
    assert raised.value.retry_after
    assert stage.show_code(admin).attempt == 1


def test_a_tenant_links_only_so_many_at_once(stage: Stage, admin: Principal) -> None:
    """A third pairing is refused with the quota's name, until one of them has ended."""
    devices = [stage.service.devices.create(admin, "phone").id for _ in range(3)]
    for device_id in devices[:2]:
        stage.show_code(admin, device_id)
    with pytest.raises(QuotaExceeded, match="a tenant links at most 2 devices") as raised:
        stage.show_code(admin, devices[2])
    assert raised.value.retry_after
    stage.show_code(admin, devices[0])
    stage.service.devices.disconnect(admin, devices[0], deadline=soon())
    stage.show_code(admin, devices[2])


def test_a_process_links_only_so_many_at_once(stage: Stage, admin: Principal) -> None:
    """The limit of all tenants holds beside that of each."""
    principals = [admin, stage.register(), stage.register(), stage.register()]
    for principal in principals[:3]:
        stage.show_code(principal)
    with pytest.raises(QuotaExceeded, match="at most 3 devices are linked at a time"):
        stage.show_code(principals[3])


def test_pairings_that_are_about_to_begin_count(stage: Stage, admin: Principal) -> None:
    """Two that wait for their first code fill the quota already."""
    devices = [stage.service.devices.create(admin, "phone").id for _ in range(3)]
    begin = [lambda device_id=device_id: stage.show_code(admin, device_id) for device_id in devices]
    with stage.bridge.hold("device.qr") as gate, threads(begin[:2]) as outcomes:
        gate.wait_until_held(2)
        with pytest.raises(QuotaExceeded):
            stage.show_code(admin, devices[2])
        gate.open()
    assert [outcome.attempt for outcome in outcomes] == [1, 1]


def test_the_code_of_several_devices_needs_a_choice(stage: Stage, admin: Principal) -> None:
    """No further device is made for a caller who has some."""
    for _ in range(2):
        stage.service.devices.create(admin, "phone")
    with pytest.raises(DeviceRequired):
        stage.show_code(admin)
