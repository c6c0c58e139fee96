"""Bursts: requests that come so close on each other that they should travel together.

How many patches a burst takes must not depend on how fast this machine takes its requests in.
"""

from __future__ import annotations

import time
from collections.abc import Callable

QUIET_SECONDS = 0.008
"""A burst is over when nothing came for so long."""
MOST_SECONDS = 0.08
"""For so long a burst is waited for, even if it goes on."""
_SHORTEST_SECONDS = 0.0001


class Burst:
    """Knows when the last request came, and waits for the end of a burst.

    There is no lock: a moment that is missed makes a wait a little shorter.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock = clock
        self._pause = pause
        self._last_at = -QUIET_SECONDS

    def note(self) -> None:
        """Note that a request came."""
        self._last_at = self._clock()

    def wait(self, has_room: Callable[[], bool]) -> None:
        """Block while more keep coming and there is room for them; not at all if none came lately.

        Raises nothing, and ends after `MOST_SECONDS` at the latest.
        """
        until = self._clock() + MOST_SECONDS
        while has_room():
            now = self._clock()
            left = min(self._last_at + QUIET_SECONDS, until) - now
            if left < _SHORTEST_SECONDS:
                return
            self._pause(left)
