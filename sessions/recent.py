"""What was read from the database a moment ago, so that it is not read again for every request.

There is no lock: entries never change, and a dictionary takes each step of several threads whole.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

SECONDS = 1.0
MOST_ENTRIES = 10_000

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class _Entry(Generic[Value]):
    value: Value
    state: object
    read_at: float


class Recent(Generic[Key, Value]):
    """Keeps what was read, for a second at most, and no longer than the state that it was read in.

    `state` gives an object that is another one whenever what is kept here may have changed.
    """

    def __init__(
        self, state: Callable[[], object], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._state = state
        self._clock = clock
        self._entries: dict[Key, _Entry[Value]] = {}

    def get(self, key: Key, read: Callable[[], Value]) -> Value:
        """Return what is kept under the key, or else read it. What `read` raises is not kept."""
        # Looked at before reading: a change during it makes the entry worth nothing.
        state, now = self._state(), self._clock()
        found = self._entries.get(key)
        if found is not None and found.state is state and now - found.read_at < SECONDS:
            return found.value
        value = read()
        if len(self._entries) >= MOST_ENTRIES:
            self._entries.clear()
        self._entries[key] = _Entry(value, state, now)
        return value
