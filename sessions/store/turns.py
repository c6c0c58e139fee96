"""Turns: one at a time, in the order in which they were asked for."""

from __future__ import annotations

import time
from collections import deque
from threading import Lock


class Turns:
    """Whose turn it is. Who ends one hands it to who has waited for the longest.

    A plain lock goes to whoever comes first when it is free; a thread that writes all the time then
    keeps others out for seconds. The lock guards who waits; nothing blocks under it.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._began_at: float | None = None
        self._waiting: deque[Lock] = deque()

    @property
    def age(self) -> float:
        """For how many seconds the present turn has lasted; 0 when it is nobody's."""
        began_at = self._began_at
        return 0.0 if began_at is None else time.monotonic() - began_at

    def take(self, seconds: float) -> bool:
        """Wait for a turn; returns False when it does not come in time."""
        with self._lock:
            if self._began_at is None:
                self._began_at = time.monotonic()
                return True
            gate = Lock()
            gate.acquire()
            self._waiting.append(gate)
        return gate.acquire(timeout=seconds) or not self._leave(gate)

    def pass_on(self) -> None:
        """End the present turn."""
        with self._lock:
            self._began_at = time.monotonic() if self._waiting else None
            if self._waiting:
                self._waiting.popleft().release()

    def _leave(self, gate: Lock) -> bool:
        """Stop waiting; returns False when the turn has come after all."""
        with self._lock:
            if gate in self._waiting:
                self._waiting.remove(gate)
                return True
            return False
