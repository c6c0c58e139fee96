"""Bursts: requests that come so close on each other that they should travel together.

How many patches a burst takes must not depend on how fast this machine takes its requests in.
"""

from __future__ import annotations

import time
from collections.abc import Callable

QUIET_SECONDS = 0.008
"""A burst is over when nothing came for so long, if requests are taken in fast."""
LONGEST_QUIET_SECONDS = 0.03
"""What comes further apart is no burst, however slow this machine is."""
MOST_SECONDS = 0.2
"""For so long a burst is waited for, even if it goes on."""
_SHORTEST_SECONDS = 0.0001
_WEIGHT = 0.25
_GAPS = 3


class Burst:
    """Knows when the last request came and how fast they follow, and waits for the end of a burst.

    There is no lock: a moment that is missed makes a wait a little shorter.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock = clock
        self._pause = pause
        self._last_at = -LONGEST_QUIET_SECONDS
        # A process that has just started is slow.
        self._gap = LONGEST_QUIET_SECONDS

    def note(self) -> None:
        """Note that a request came."""
        now = self._clock()
        gap = now - self._last_at
        if gap < LONGEST_QUIET_SECONDS:
            self._gap += (gap - self._gap) * _WEIGHT
        self._last_at = now

    def wait(self, has_room: Callable[[], bool]) -> None:
        """Block while more keep coming and there is room for them; not at all if none came lately.

        Raises nothing, and ends after `MOST_SECONDS` at the latest.
        """
        until = self._clock() + MOST_SECONDS
        while has_room():
            now = self._clock()
            left = min(self._last_at + self._quiet(), until) - now
            if left < _SHORTEST_SECONDS:
                return
            self._pause(left)

    def _quiet(self) -> float:
        """Return after how long a silence the burst is over: several times what is usual."""
        return min(max(QUIET_SECONDS, self._gap * _GAPS), LONGEST_QUIET_SECONDS)
