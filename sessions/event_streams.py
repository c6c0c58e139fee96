"""The use case of event streams: a device's event log, told entry by entry as it grows.

A stream holds a slot for as long as it is open, and nothing else while it waits: no transaction, no
lock. It looks every second whether who asked still may.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from sessions.deadline import Deadline
from sessions.devices import Devices
from sessions.environment import Environment
from sessions.errors import CursorExpired, QuotaExceeded
from sessions.event_log import EventLog, LogPage, LogQuery
from sessions.principals import Principal
from sessions.session import Session
from sessions.states import Device
from sessions.store.event_log import LogEntry

PORTION = 100
_RETRY_AFTER = 5.0


@dataclass(frozen=True, slots=True)
class Pace:
    """After how many seconds a stream asks again who it is for, says that it lives, and ends."""

    check: float = 1.0
    heartbeat: float = 15.0
    life: float = 300.0


@dataclass(frozen=True, slots=True)
class LogPosition:
    """The place behind an entry of a device's event log; `epoch` None: of the log as it is now."""

    sequence: int
    epoch: int | None = None


@dataclass(frozen=True, slots=True)
class Portion:
    """What a stream tells at once; without entries and `reset` it only says that it lives.

    `position` is where it has come to. `reset` is why the entries do not follow what was told
    before: the log does not reach back to the position, or is another one.
    """

    entries: Sequence[LogEntry]
    position: LogPosition
    reset: CursorExpired | None


class EventStreams:
    """Opens streams."""

    def __init__(
        self, environment: Environment, devices: Devices, *, log: EventLog, pace: Pace
    ) -> None:
        self._environment = environment
        self._devices = devices
        self._log = log
        self._pace = pace

    def open(
        self,
        principal: Principal,
        device_id: str | None,
        *,
        position: LogPosition,
        types: Sequence[str],
        identify: Callable[[], Principal],
    ) -> EventStream:
        """Open a stream of entries of some types, or (without) of all, from a position on.

        `identify` says who the stream is for as long as it is open, and raises when that is nobody.
        The stream has to be closed. Raises QuotaExceeded when there is no slot, and what
        `Devices.choose` raises.
        """
        device = self._devices.choose(principal, device_id)
        query = LogQuery(position.sequence, types, PORTION, position.epoch)

        def check() -> None:
            self._devices.choose(identify(), device.id)

        stream = EventStream(
            self._environment, device, query, log=self._log, pace=self._pace, check=check
        )
        stream.take_slot(principal.user_id)
        return stream


class EventStream:
    """One open stream, to be iterated once. Iterating raises what ends the stream early."""

    def __init__(  # noqa: PLR0913 - one name for each part
        self,
        environment: Environment,
        device: Device,
        query: LogQuery,
        *,
        log: EventLog,
        pace: Pace,
        check: Callable[[], None],
    ) -> None:
        self._environment = environment
        self._device = device
        self._query = query
        self._log = log
        self._pace = pace
        self._check = check
        self._slot = ExitStack()

    def take_slot(self, user_id: str) -> None:
        """Take one of the slots that long-polls use, too. Raises QuotaExceeded."""
        if self._slot.enter_context(self._environment.admission.poll(user_id)):
            return
        config = self._environment.config
        raise QuotaExceeded(
            f"there are at most {config.poll_slots} streams and long-polls at once,"
            f" and {config.polls_per_user} of one user",
            retry_after=_RETRY_AFTER,
        )

    def close(self) -> None:
        """Give the slot back; harmless when repeated."""
        self._slot.close()

    def __iter__(self) -> Iterator[Portion]:
        session = self._environment.registry.session_of(self._device)
        end = Deadline.after(self._pace.life)
        heartbeat = Deadline.after(0)
        while not end.expired:
            seen = session.news
            self._check()
            portion = self._read_on()
            if portion.entries or portion.reset or heartbeat.expired:
                yield portion
                heartbeat = Deadline.after(self._pace.heartbeat)
            if len(portion.entries) < PORTION:
                self._wait(session, seen, min(heartbeat, end))

    def _wait(self, session: Session, seen: int, until: Deadline) -> None:
        """Block until there is news or the time has come."""
        while not until.expired:
            if session.wait_for_news(seen, min(until, Deadline.after(self._pace.check))):
                return
            self._check()

    def _read_on(self) -> Portion:
        page, reset = self._read()
        self._query = replace(self._query, after=page.next_after, epoch=page.epoch)
        return Portion(page.entries, LogPosition(page.next_after, page.epoch), reset)

    def _read(self) -> tuple[LogPage, CursorExpired | None]:
        try:
            return self._log.read(self._device, self._query), None
        except CursorExpired as expired:
            oldest = replace(self._query, after=0, epoch=None)
            return self._log.read(self._device, oldest), expired
