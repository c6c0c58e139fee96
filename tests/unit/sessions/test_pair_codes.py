"""How often numbers are asked to link a device."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge.errors import BridgeCode
from sessions.errors import (
    DeviceError,
    DeviceNotReady,
    QuotaExceeded,
    ServiceError,
    ShuttingDown,
)
from sessions.principals import Principal
from sessions.store.models import PairCodeRow
from sessions.upkeep import Upkeep
from tests.support.sessions import Stage, running, soon, threads

PHONE = "15550001111"


class Clock:
    """A time that the test moves."""

    def __init__(self) -> None:
        self.now = datetime(2026, 6, 15, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The service's clock."""
    return Clock()


@pytest.fixture
def stage(tmp_path: Path, clock: Clock) -> Iterator[Stage]:
    """A service with three codes an hour for a number, and five for a tenant."""
    with running(tmp_path, now=clock, pair_codes_per_tenant=5) as stage:
        yield stage


@pytest.fixture
def admin(stage: Stage) -> Principal:
    """The admin of a tenant."""
    return stage.register()


def make(stage: Stage, principal: Principal, phone: str = PHONE) -> None:
    """Make another code."""
    stage.service.devices.pair_code(principal, None, phone=phone, refresh=True, deadline=soon())


def kept(stage: Stage) -> int:
    """Count the codes that are remembered."""
    with stage.service._environment.database.read() as transaction:
        return transaction.query(PairCodeRow).count()


def test_any_hour_has_three(stage: Stage, admin: Principal, clock: Clock) -> None:
    """The next one may be made when the first of three is an hour old, and not all three again."""
    for _ in range(3):
        make(stage, admin)
        clock.now += timedelta(minutes=10)
    with pytest.raises(QuotaExceeded, match="a number gets at most 3 codes an hour") as raised:
        make(stage, stage.register())
    assert raised.value.retry_after == 1800
    clock.now += timedelta(minutes=30)
    make(stage, admin)
    with pytest.raises(QuotaExceeded):
        make(stage, admin)
    assert kept(stage) == 4
    clock.now += timedelta(hours=1, seconds=1)
    Upkeep(stage.service._environment).step()
    assert kept(stage) == 0


def test_a_tenant_has_five_for_whichever_numbers(stage: Stage, admin: Principal) -> None:
    """Another tenant still gets one, and an erased one leaves nothing behind."""
    for number in range(5):
        make(stage, admin, f"1555000222{number}")
    with pytest.raises(QuotaExceeded, match="a tenant gets at most 5 codes an hour") as raised:
        make(stage, admin, "15550003333")
    assert raised.value.retry_after == 3600
    make(stage, stage.register(), "15550003333")
    stage.service.tenants.delete(admin.tenant_id, deadline=soon())
    assert kept(stage) == 1


@pytest.mark.parametrize(
    ("code", "error", "counts"),
    [
        (BridgeCode.DEVICE_NOT_CONNECTED, DeviceNotReady, False),
        (BridgeCode.SERVER_REFUSED, DeviceError, True),
        (BridgeCode.STOPPED, ShuttingDown, True),
    ],
)
def test_only_what_whatsapp_was_asked_counts(
    stage: Stage, admin: Principal, code: BridgeCode, error: type[ServiceError], counts: bool
) -> None:
    """A try without a connection costs nothing; one that WhatsApp may have seen does."""
    stage.bridge.fail_next("device.pair_code", *[code] * 3)
    for _ in range(3):
        with pytest.raises(error):
            make(stage, admin)
    assert kept(stage) == (3 if counts else 0)


def test_a_restart_lifts_no_limit(tmp_path: Path, clock: Clock) -> None:
    """The next process counts what the last one made, for the number and for the tenant."""
    with running(tmp_path, now=clock, pair_codes_per_tenant=4) as stage:
        admin = stage.register()
        for _ in range(3):
            make(stage, admin)
    clock.now += timedelta(minutes=59)
    with running(tmp_path, stage.bridge.reopen(), now=clock, pair_codes_per_tenant=4) as stage:
        with pytest.raises(QuotaExceeded, match="number") as raised:
            make(stage, admin)
        assert raised.value.retry_after == 60
        make(stage, admin, "15550003333")
        with pytest.raises(QuotaExceeded, match="tenant"):
            make(stage, admin, "15550004444")
        clock.now += timedelta(minutes=1)
        make(stage, admin)


def test_threads_share_the_count(stage: Stage) -> None:
    """Of many that ask at once, each for a tenant of its own, three get a code."""
    admins = [stage.register() for _ in range(6)]
    with threads([lambda admin=admin: make(stage, admin) for admin in admins]) as outcomes:
        pass
    assert [type(outcome) for outcome in outcomes if outcome is not None] == [QuotaExceeded] * 3
