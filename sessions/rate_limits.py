"""How often somebody may do something: a bucket of tokens for each key, which fills steadily.

The lock guards the table; nothing blocks under it. A full bucket is not kept, so the table holds
only those who did something lately, and at most `MOST_KEYS` of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

from sessions.errors import RateLimited

MOST_KEYS = 10_000


class RateLimiter:
    """Lets each key act `burst` times at once, and `per_second` times a second in the long run."""

    def __init__(
        self, per_second: float, *, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Make a limiter; with `per_second` 0 it never refuses."""
        self._is_off = per_second <= 0
        self._interval = 0.0 if self._is_off else 1 / per_second
        self._tolerance = self._interval * (burst - 1)
        self._clock = clock
        self._lock = Lock()
        # When the bucket of each key will be full again.
        self._full_at: dict[str, float] = {}

    def take(self, key: str) -> None:
        """Count one act of the key. Raises RateLimited with the time until the next one."""
        if self._is_off:
            return
        now = self._clock()
        with self._lock:
            full_at = max(now, self._full_at.get(key, now))
            wait = full_at - now - self._tolerance
            # Less than a microsecond is what is left of a sum of fractions.
            if wait <= 1e-6:
                self._full_at[key] = full_at + self._interval
            if len(self._full_at) > MOST_KEYS:
                self._forget(now)
        if wait > 1e-6:
            raise RateLimited(retry_after=wait)

    def _forget(self, now: float) -> None:
        """Drop the full buckets; if that is not enough, the fuller half."""
        kept = [(full_at, key) for key, full_at in self._full_at.items() if full_at > now]
        if len(kept) > MOST_KEYS // 2:
            kept = sorted(kept)[-MOST_KEYS // 2 :]
        self._full_at = {key: full_at for full_at, key in kept}
