"""Requests that wait for an outcome, and the room they wait in.

The room's lock guards who is in it, a waiter's lock its outcome; nothing blocks under either.
Threads block in `Waiter.wait` alone, always with a deadline.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from threading import Lock
from typing import Any, Generic, TypeVar

from sessions.deadline import Deadline
from sessions.errors import DeviceNotReady, DeviceTimeout, ServiceError, ShuttingDown

T = TypeVar("T")


class Waiter(Generic[T]):
    """One thread's wait for one outcome. The first outcome stands; later ones are ignored."""

    def __init__(self) -> None:
        self._lock = Lock()
        # Held until there is an outcome. An Event does the same at many times the price.
        self._closed = Lock()
        self._closed.acquire()
        self._is_settled = False
        self._value: list[T] = []
        self._error: ServiceError | None = None

    @property
    def is_settled(self) -> bool:
        """Whether an outcome is there, so that nobody waits for another one."""
        return self._is_settled

    def succeed(self, value: T) -> None:
        """Give the wait its result."""
        with self._lock:
            if not self._is_settled:
                self._value.append(value)
                self._settle()

    def fail(self, error: ServiceError) -> None:
        """End the wait with an error, to be raised in the waiting thread and nowhere else."""
        with self._lock:
            if not self._is_settled:
                self._error = error
                self._settle()

    def wait(self, deadline: Deadline) -> T:
        """Return the result or raise the error; raises DeviceTimeout when neither came in time."""
        if not self._is_settled and not self._closed.acquire(timeout=deadline.remaining()):
            self.fail(DeviceTimeout())
        if self._error is not None:
            raise self._error
        return self._value[0]

    def _settle(self) -> None:
        self._is_settled = True
        self._closed.release()

    def error_of_wait(self, deadline: Deadline) -> ServiceError | None:
        """Wait as `wait` does; returns the error instead of raising it, None for success."""
        try:
            self.wait(deadline)
        except ServiceError as error:
            return error
        return None


class _Door(Enum):
    NOT_YET_OPEN = auto()
    OPEN = auto()
    CLOSED = auto()


_REFUSALS: dict[_Door, Callable[[], ServiceError]] = {
    _Door.NOT_YET_OPEN: lambda: DeviceNotReady("the service is starting", retry_after=1.0),
    _Door.CLOSED: ShuttingDown,
}


class WaitingRoom:
    """Everybody who waits in this process, so that stopping releases them all at once."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._door = _Door.NOT_YET_OPEN
        self._inside: set[Waiter[Any]] = set()

    @property
    def is_closed(self) -> bool:
        """Whether the service is stopping, or has stopped."""
        return self._door is _Door.CLOSED

    def open(self) -> None:
        """Let requests wait, unless the room was closed before it opened."""
        with self._lock:
            if self._door is _Door.NOT_YET_OPEN:
                self._door = _Door.OPEN

    def close(self) -> None:
        """Release everybody inside with ShuttingDown and let nobody in any more."""
        with self._lock:
            self._door = _Door.CLOSED
            released, self._inside = self._inside, set()
        for waiter in released:
            waiter.fail(ShuttingDown())

    @contextmanager
    def enter(self) -> Iterator[Waiter[Any]]:
        """Give a waiter for as long as the block lasts. Raises what the closed door means."""
        waiter: Waiter[Any] = Waiter()
        with self._lock:
            refusal = _REFUSALS.get(self._door)
            if refusal is not None:
                raise refusal()
            self._inside.add(waiter)
        try:
            yield waiter
        finally:
            with self._lock:
                self._inside.discard(waiter)
