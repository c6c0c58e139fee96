"""Gates in front of the methods of the stand-in bridge, with which tests decide who is slow."""

from __future__ import annotations

from threading import Condition


class Gate:
    """Holds up the calls of one method until it is opened."""

    def __init__(self) -> None:
        self._condition = Condition()
        self._held = 0
        self._is_open = False

    def wait_until_held(self, count: int = 1, *, seconds: float = 10.0) -> None:
        """Block until so many calls stand at the gate. Raises TimeoutError."""
        with self._condition:
            if not self._condition.wait_for(lambda: self._held >= count, seconds):
                raise TimeoutError(f"{self._held} of {count} calls came")

    @property
    def held(self) -> int:
        """How many calls stand at the gate."""
        return self._held

    def open(self) -> None:
        """Let everybody through, now and later."""
        with self._condition:
            self._is_open = True
            self._condition.notify_all()

    def pass_through(self, seconds: float) -> bool:
        """Stand at the gate; returns whether it opened within the time."""
        with self._condition:
            self._held += 1
            self._condition.notify_all()
            is_open = self._condition.wait_for(lambda: self._is_open, seconds)
            self._held -= 1
            return is_open
