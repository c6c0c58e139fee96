"""How often a number is asked to link a device: a few times an hour, whoever asks.

Only this process's codes are counted. The lock guards the count; nothing blocks under it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Lock

from sessions.errors import DeviceError, DeviceTimeout, QuotaExceeded, ServiceError
from sessions.times import WallClock

_PERIOD = timedelta(hours=1)
# After these WhatsApp may have been asked for a code.
_ASKED = (DeviceError, DeviceTimeout)


class PairCodeQuota:
    """Keeps the codes of a number, over all tenants, to `most` an hour."""

    def __init__(self, most: int, now: WallClock) -> None:
        self._most = most
        self._now = now
        self._lock = Lock()
        self._made: dict[str, list[datetime]] = {}

    @contextmanager
    def counted(self, phone: str) -> Iterator[None]:
        """Count the code that the block makes, if it makes one. Raises QuotaExceeded."""
        made_at = self._take(phone)
        try:
            yield
        except ServiceError as error:
            if not isinstance(error, _ASKED):
                self._give_back(phone, made_at)
            raise

    def _take(self, phone: str) -> datetime:
        now = self._now()
        with self._lock:
            self._forget(now - _PERIOD)
            made = self._made.get(phone, [])
            if len(made) >= self._most:
                raise QuotaExceeded(
                    f"a number gets at most {self._most} codes an hour",
                    retry_after=(made[0] + _PERIOD - now).total_seconds(),
                )
            self._made[phone] = [*made, now]
        return now

    def _give_back(self, phone: str, made_at: datetime) -> None:
        with self._lock:
            made = self._made.get(phone, [])
            if made_at in made:
                made.remove(made_at)

    def _forget(self, until: datetime) -> None:
        kept = {
            phone: [made_at for made_at in made if made_at > until]
            for phone, made in self._made.items()
        }
        self._made = {phone: made for phone, made in kept.items() if made}
