"""How often a number is asked to link a device."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sessions.errors import DeviceError, DeviceNotReady, QuotaExceeded, ServiceError
from sessions.pair_codes import PairCodeQuota
from tests.support.sessions import threads

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
    """The quota's clock."""
    return Clock()


@pytest.fixture
def quota(clock: Clock) -> PairCodeQuota:
    """Three codes an hour."""
    return PairCodeQuota(3, clock)


def make(quota: PairCodeQuota, error: ServiceError | None = None) -> None:
    """Make a code, or fail to."""
    with quota.counted(PHONE):
        if error is not None:
            raise error


def test_any_hour_has_three(quota: PairCodeQuota, clock: Clock) -> None:
    """The next one may be made when the first of three is an hour old, and not all three again."""
    for _ in range(3):
        make(quota)
        clock.now += timedelta(minutes=10)
    with pytest.raises(QuotaExceeded, match="at most 3 codes an hour") as raised:
        make(quota)
    assert raised.value.retry_after == 1800
    clock.now += timedelta(minutes=30)
    make(quota)
    with pytest.raises(QuotaExceeded):
        make(quota)


def test_only_what_whatsapp_was_asked_counts(quota: PairCodeQuota) -> None:
    """A try without a connection costs nothing, one that WhatsApp refused does."""
    for _ in range(5):
        with pytest.raises(DeviceNotReady):
            make(quota, DeviceNotReady())
    for _ in range(3):
        with pytest.raises(DeviceError):
            make(quota, DeviceError())
    with pytest.raises(QuotaExceeded):
        make(quota)


def test_threads_share_the_count(quota: PairCodeQuota) -> None:
    """Of many that ask at once three get a code."""
    made: list[int] = []

    def ask() -> None:
        try:
            with quota.counted(PHONE):
                made.append(1)
        except QuotaExceeded:
            return

    with threads([ask] * 12):
        pass
    assert len(made) == 3
