"""Points in time: aware UTC datetimes here, Unix milliseconds in the bridge and the store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

WallClock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the present time."""
    return datetime.now(UTC)


def to_milliseconds(moment: datetime) -> int:
    """Return the Unix milliseconds, rounded down, of an aware datetime."""
    return (moment - _EPOCH) // _MILLISECOND


def from_milliseconds(milliseconds: int) -> datetime:
    """Return the aware UTC datetime of Unix milliseconds."""
    return _EPOCH + milliseconds * _MILLISECOND
