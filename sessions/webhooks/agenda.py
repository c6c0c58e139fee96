"""Whose turn it is to have events sent: fair among tenants, and those who answer come first.

The lock guards everything; nothing blocks under it but `wait`, which lets it go meanwhile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from threading import Condition

PLACES = 40
_LONG = timedelta(seconds=2)
_PER_TENANT = 8


class Pace(Enum):
    """What is expected of a device's receiver, or known of it by now."""

    PROMPT = auto()
    LAGGING = auto()
    SLOW = auto()


_MOST: Mapping[Pace, int] = {Pace.PROMPT: 24, Pace.LAGGING: 8}
_MOST_OF_TENANT = 4


@dataclass(frozen=True, slots=True)
class Turn:
    """A device some of whose events are to be sent at a time.

    `is_failing`: as far as is known, nothing was taken when that was tried last.
    """

    device_id: str
    tenant_id: str
    due_at: datetime
    is_failing: bool = False


@dataclass(frozen=True, slots=True)
class Running:
    """A turn that has begun."""

    turn: Turn
    began_at: datetime

    def is_long(self, now: datetime) -> bool:
        """Whether it takes longer than a receiver needs that answers."""
        return now - self.began_at >= _LONG


class Agenda:
    """The turns of devices, of which `PLACES` run at once, at most eight of a tenant.

    A receiver is expected to be prompt until it has failed, or kept a turn for long; it is lagging
    from then on, until it was prompt again. At most 24 prompt ones and eight lagging ones have
    their turns at once, four of a tenant. A prompt one that turns out to be slow gives its place to
    another, so that receivers that die in the same moment hold the others up only when they are
    many.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._waiting: dict[str, Turn] = {}
        self._running: dict[str, Running] = {}
        self._repeated: dict[str, Turn] = {}
        self._hastened: dict[str, Turn] = {}
        self._lagging: set[str] = set()

    def add(self, turn: Turn) -> None:
        """Have a device's events sent from then on, unless that is on the agenda already."""
        with self._changed:
            if turn.device_id in self._running:
                self._repeated[turn.device_id] = turn
            elif turn.device_id not in self._waiting:
                self._put(turn)

    def hasten(self, turn: Turn) -> None:
        """Have a device's events sent at that time, whatever was on the agenda before."""
        with self._changed:
            if turn.device_id in self._running:
                self._hastened[turn.device_id] = turn
            else:
                self._put(turn)

    def take(self, now: datetime) -> Turn | None:
        """Begin the turn that has been due for the longest, of those that may run."""
        with self._changed:
            turn = self._next(now)
            if turn is not None:
                self._running[turn.device_id] = Running(self._waiting.pop(turn.device_id), now)
            return turn

    def finish(
        self, turn: Turn, now: datetime, *, due_at: datetime | None, is_failing: bool
    ) -> None:
        """End a turn; the device has the next one at `due_at`, or when something happens."""
        with self._changed:
            running = self._running.pop(turn.device_id)
            self._lagging.discard(turn.device_id)
            if is_failing or running.is_long(now):
                self._lagging.add(turn.device_id)
            repeated = self._repeated.pop(turn.device_id, None)
            if repeated is not None:
                # How the receiver is has just been found out.
                repeated = replace(repeated, is_failing=False)
            following = self._hastened.pop(turn.device_id, None)
            if following is None and due_at is not None:
                following = Turn(turn.device_id, turn.tenant_id, due_at)
            following = following or repeated
            if following is not None:
                self._put(following)
            self._changed.notify()

    def wait(self, now: datetime, longest: float) -> None:
        """Block until a turn is due or something changes, at most for so many seconds."""
        with self._changed:
            if self._next(now) is not None:
                return
            coming = [turn.due_at for turn in self._waiting.values() if turn.due_at > now]
            ahead = (min(coming) - now) / timedelta(seconds=1) if coming else longest
            self._changed.wait(min(longest, ahead))

    def wake(self) -> None:
        """End the present waits."""
        with self._changed:
            self._changed.notify_all()

    def devices(self) -> list[str]:
        """Return the devices some of whose events are to be sent."""
        with self._changed:
            return [*self._waiting, *self._running]

    def _put(self, turn: Turn) -> None:
        if turn.is_failing:
            self._lagging.add(turn.device_id)
        self._waiting[turn.device_id] = turn
        self._changed.notify()

    def _next(self, now: datetime) -> Turn | None:
        taken: Counter[object] = Counter()
        for one in self._running.values():
            pace, tenant_id = self._pace(one, now), one.turn.tenant_id
            taken.update((pace, tenant_id, (pace, tenant_id)))
        due = (
            turn
            for turn in self._waiting.values()
            if turn.due_at <= now and self._has_place(turn, taken)
        )
        return min(due, key=lambda turn: turn.due_at, default=None)

    def _has_place(self, turn: Turn, taken: Counter[object]) -> bool:
        pace = self._expected(turn)
        return (
            taken[pace] < _MOST[pace]
            and taken[pace, turn.tenant_id] < _MOST_OF_TENANT
            and taken[turn.tenant_id] < _PER_TENANT
        )

    def _expected(self, turn: Turn) -> Pace:
        return Pace.LAGGING if turn.device_id in self._lagging else Pace.PROMPT

    def _pace(self, running: Running, now: datetime) -> Pace:
        pace = self._expected(running.turn)
        return Pace.SLOW if pace is Pace.PROMPT and running.is_long(now) else pace
