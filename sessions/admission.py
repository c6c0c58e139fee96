"""How much may go on at once. Slots are taken before any work and never waited for.

The lock guards the counts; nothing blocks under it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from sessions.config import ServiceConfig
from sessions.errors import Overloaded
from sessions.storage import Storage


class Admission:
    """Slots for commands, and for requests that poll; what has no slot is refused at once."""

    def __init__(self, config: ServiceConfig, storage: Storage) -> None:
        self._storage = storage
        self._lock = Lock()
        self._commands = self._commands_left = config.command_slots
        self._poll_slots = self._polls_left = config.poll_slots
        self._polls_per_user = config.polls_per_user
        self._polls: Counter[str] = Counter()

    @property
    def commands(self) -> int:
        """How many commands are under way."""
        return self._commands - self._commands_left

    @property
    def polls(self) -> int:
        """How many requests poll."""
        return self._poll_slots - self._polls_left

    @contextmanager
    def command(self) -> Iterator[None]:
        """Hold a slot for a command. Raises Overloaded, StorageUnavailable."""
        self._storage.check()
        with self._lock:
            if self._commands_left == 0:
                raise Overloaded
            self._commands_left -= 1
        try:
            yield
        finally:
            with self._lock:
                self._commands_left += 1

    @contextmanager
    def poll(self, user_id: str) -> Iterator[bool]:
        """Hold a slot for a request that polls; gives whether there was one, and it may wait."""
        granted = self._take_poll(user_id)
        try:
            yield granted
        finally:
            if granted:
                self._return_poll(user_id)

    def _take_poll(self, user_id: str) -> bool:
        with self._lock:
            if self._polls_left == 0 or self._polls[user_id] >= self._polls_per_user:
                return False
            self._polls_left -= 1
            self._polls[user_id] += 1
            return True

    def _return_poll(self, user_id: str) -> None:
        with self._lock:
            self._polls_left += 1
            self._polls[user_id] -= 1
            if not self._polls[user_id]:
                del self._polls[user_id]
