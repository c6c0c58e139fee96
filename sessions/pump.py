"""The pump: events from the bridge into the database, in order, each once.

`Pump.step` moves one batch; `PumpThread` repeats it. A batch and its spool marks commit in one
transaction, and it is acknowledged only afterwards, so that nothing is lost or applied twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from threading import Event as Flag
from threading import Thread

import structlog

from bridge.errors import BridgeCode, BridgeError
from bridge.interface import Bridge, Event, EventBatch
from sessions.deadline import Deadline
from sessions.errors import ServiceError
from sessions.events import Effect, read_event
from sessions.registry import Registry
from sessions.states import DeviceKey
from sessions.store import spool
from sessions.store.database import Database
from sessions.times import WallClock, to_milliseconds
from sessions.work import FullSyncs, Work, named_jids

# Short, because a stop waits for the end of a poll.
_POLL_MS = 100
_GLANCE_MS = 1
_PAUSE_SECONDS = 1.0
_MANY = 10
"""So many changes at once are what a patch brings."""
_COURTESY_SECONDS = 0.05

log = structlog.get_logger(__name__)


class EventMalformed(Exception):
    """The event at a position of the batch makes no sense; what it began is undone."""

    def __init__(self, position: int) -> None:
        super().__init__(position)
        self.position = position


class Pump:
    """Moves batches. One thread at a time.

    `on_calls` is told how many new calls were committed.
    """

    def __init__(
        self,
        bridge: Bridge,
        database: Database,
        *,
        registry: Registry,
        now: WallClock,
        on_calls: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._bridge = bridge
        self._database = database
        self._registry = registry
        self._now = now
        self._on_calls = on_calls
        self._started_at = now()
        self._full_syncs = FullSyncs()
        self._acknowledged = 0

    def step(self, wait_ms: int = _POLL_MS) -> None:
        """Wait a moment for a batch and commit its effects.

        Raises BridgeError, or StorageUnavailable; in either case the same batch comes again.
        """
        batch = self._bridge.next_events(self._acknowledged, timeout_ms=wait_ms)
        if _is_of_patches(batch):
            # The next patch is being made just now. It goes first, and this is done while it
            # travels: whoever asked for these changes has been answered.
            time.sleep(_COURTESY_SECONDS)
        if batch.events:
            self._commit(batch)
            for device_id in dict.fromkeys(event.device_id for event in batch.events):
                self._registry.notify(device_id)
        self._acknowledged = batch.number

    def _commit(self, batch: EventBatch) -> None:
        effects = [self._read(event) for event in batch.events]
        while True:
            try:
                calls = self._apply(batch, effects)
                break
            except EventMalformed as error:
                event = batch.events[error.position]
                log.exception("event_malformed", type=event.type, device_id=event.device_id)
                effects[error.position] = None
        self._full_syncs.forget_finished()
        if calls:
            self._on_calls(calls)

    def _apply(self, batch: EventBatch, effects: Sequence[Effect | None]) -> int:
        with self._database.write() as transaction:
            work = Work(
                transaction,
                jids=named_jids(batch.events),
                full_syncs=self._full_syncs,
                now=to_milliseconds(self._now()),
            )
            for position, (event, effect) in enumerate(zip(batch.events, effects, strict=True)):
                is_new = event.spool_id is None or spool.advance(
                    transaction, event.tenant_id, event.spool_id
                )
                if is_new and effect is not None:
                    _apply_one(work, event, effect, position=position)
            work.write()
        return work.calls

    def _read(self, event: Event) -> Effect | None:
        try:
            return read_event(event, self._started_at)
        except Exception:
            # It would make no sense next time either; the events behind it must not wait for it.
            log.exception("event_malformed", type=event.type, device_id=event.device_id)
            return None


def _apply_one(work: Work, event: Event, effect: Effect, *, position: int) -> None:
    """Apply an event to its device, if the tenant has it. Raises EventMalformed."""
    mirror = work.mirror(DeviceKey(event.tenant_id, event.device_id))
    if mirror is None:
        return
    try:
        effect(work, mirror)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise EventMalformed(position) from error


def _is_of_patches(batch: EventBatch) -> bool:
    """Tell a batch that nobody waits for: many changes of app state, and no call or status."""
    events = batch.events
    return len(events) >= _MANY and all(event.type == "app_state.change" for event in events)


class PumpThread:
    """Repeats the pump's step until it is stopped, whatever goes wrong in between."""

    def __init__(self, pump: Pump) -> None:
        self._pump = pump
        self._stopping = Flag()
        self._is_well = False
        self._stepped_at = time.monotonic()
        self._thread = Thread(target=self._run, name="pump", daemon=True)

    @property
    def lag(self) -> float:
        """For how many seconds no events could be fetched and stored."""
        return time.monotonic() - self._stepped_at

    @property
    def is_well(self) -> bool:
        """Whether it runs, and its last step succeeded."""
        return self._is_well and self._thread.is_alive()

    def start(self) -> None:
        """Take in what the last process left, and start the thread.

        A device that turned out to be banned meanwhile, for one, is not connected again.
        """
        self._is_well = self._step(_GLANCE_MS)
        self._thread.start()

    def stop(self, deadline: Deadline) -> None:
        """End the thread; waits for it until the deadline."""
        self._stopping.set()
        self._thread.join(deadline.remaining())

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._is_well = self._step(_POLL_MS)
            if not self._is_well:
                self._stopping.wait(_PAUSE_SECONDS)

    def _step(self, wait_ms: int) -> bool:
        try:
            self._pump.step(wait_ms)
        except BridgeError as error:
            if error.code is BridgeCode.STOPPED:
                self._stopping.set()
            log.warning("events_not_fetched", code=error.code)
            return False
        except ServiceError as error:
            log.warning("events_not_stored", code=error.code)
            return False
        except Exception:
            log.exception("pump_step_failed")
            return False
        self._stepped_at = time.monotonic()
        return True
