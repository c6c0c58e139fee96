"""A point in monotonic time until which somebody waits; made once per request, it travels down."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, order=True)
class Deadline:
    """`at` is in seconds of `clock`. Deadlines of one clock compare by time."""

    at: float
    clock: Callable[[], float] = field(default=time.monotonic, compare=False, repr=False)

    @classmethod
    def after(cls, seconds: float, clock: Callable[[], float] = time.monotonic) -> Deadline:
        """Make a deadline that is `seconds` from now."""
        return cls(clock() + seconds, clock)

    def remaining(self) -> float:
        """Return the seconds left, never less than 0."""
        return max(0.0, self.at - self.clock())

    def remaining_ms(self) -> int:
        """Return the milliseconds left, rounded up, so that 0 means that it has passed."""
        return math.ceil(self.remaining() * 1000)

    @property
    def expired(self) -> bool:
        """Whether the point has passed."""
        return self.clock() >= self.at
