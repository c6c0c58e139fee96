"""What was read from the database a moment ago, so that it is not read again for every request.

The lock guards the table; nothing blocks under it. A thread blocks while another one reads what it
wants, a second at most.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, TypeVar

SECONDS = 1.0
MOST_ENTRIES = 10_000

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class _Entry(Generic[Value]):
    """What is being read or was read. It is cancelled when the reading fails."""

    state: object
    read_at: float
    value: Future[Value] = field(default_factory=Future)


class Recent(Generic[Key, Value]):
    """Keeps what was read, for a second at most, and no longer than the state that it was read in.

    `state` gives an object that is another one whenever what is kept here may have changed. Of
    those who want the same at once one reads, and the others wait for it.
    """

    def __init__(
        self, state: Callable[[], object], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._state = state
        self._clock = clock
        self._lock = Lock()
        self._entries: dict[Key, _Entry[Value]] = {}

    def get(self, key: Key, read: Callable[[], Value]) -> Value:
        """Return what is kept under the key, or else read it. What `read` raises is not kept."""
        # Looked at before reading: a change during it makes the entry worth nothing.
        state, now = self._state(), self._clock()
        with self._lock:
            entry = self._entries.get(key)
            is_good = entry is not None and entry.state is state and now - entry.read_at < SECONDS
            if entry is None or not is_good:
                entry = self._put(key, _Entry(state, now))
        if not is_good:
            return self._fill(key, entry, read)
        try:
            return entry.value.result(SECONDS)
        except (CancelledError, TimeoutError):
            return read()

    def _put(self, key: Key, entry: _Entry[Value]) -> _Entry[Value]:
        if len(self._entries) >= MOST_ENTRIES:
            self._entries.clear()
        self._entries[key] = entry
        return entry

    def _fill(self, key: Key, entry: _Entry[Value], read: Callable[[], Value]) -> Value:
        try:
            value = read()
        except BaseException:
            with self._lock:
                if self._entries.get(key) is entry:
                    del self._entries[key]
            entry.value.cancel()
            raise
        entry.value.set_result(value)
        return value
