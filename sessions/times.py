"""Points in time: aware UTC datetimes here, Unix milliseconds in the bridge and the store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

END_OF_TIME = datetime(9999, 12, 31, tzinfo=UTC)
"""How "for ever" is written."""

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


def to_rfc3339(milliseconds: int) -> str:
    """Write Unix milliseconds as RFC 3339 UTC, to the second."""
    return from_milliseconds(milliseconds).strftime("%Y-%m-%dT%H:%M:%SZ")
