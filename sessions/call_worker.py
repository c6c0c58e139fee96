"""The worker of calls: has what is due done, and gives up calls of which nothing more was heard.

A step hands devices with something due to the pool, one task a device, so that a slow one holds up
no other. The lock guards the set of devices that have a task; nothing blocks under it.
"""

from __future__ import annotations

from threading import Event, Lock

import structlog

from sessions.call_answers import CallAnswers
from sessions.environment import Environment
from sessions.errors import ServiceError
from sessions.metrics import Metrics
from sessions.pool import Pool
from sessions.states import DeviceKey
from sessions.store import calls as rows

_PAUSE_SECONDS = 0.5

log = structlog.get_logger(__name__)


class CallWorker:
    """Finds what is due. One thread steps."""

    def __init__(self, environment: Environment, pool: Pool, *, metrics: Metrics) -> None:
        self._environment = environment
        self._pool = pool
        self._metrics = metrics
        self._answers = CallAnswers(environment, metrics)
        self._lock = Lock()
        self._busy: set[DeviceKey] = set()
        self._came = Event()

    def note_calls(self, count: int) -> None:
        """Take notice of new calls that were committed."""
        self._metrics.count_calls(count)
        self.wake()

    def wake(self) -> None:
        """End the present wait: something may be due."""
        self._came.set()

    def step_when_due(self) -> None:
        """Wait a moment for something to be due, and step."""
        self._came.wait(_PAUSE_SECONDS)
        self._came.clear()
        self.step()

    def step(self) -> None:
        """Hand over what is due, and give up what nothing more was heard of.

        Raises StorageUnavailable, ShuttingDown.
        """
        database, now = self._environment.database, self._environment.now()
        with database.read() as transaction:
            is_unheard = rows.has_unheard(transaction, now)
            devices = rows.due_devices(transaction, now)
        if is_unheard:
            with database.write() as transaction:
                rows.give_up(transaction, now)
        for key in devices:
            self._hand_over(key)

    def _hand_over(self, key: DeviceKey) -> None:
        with self._lock:
            if key in self._busy:
                return
            self._busy.add(key)
        try:
            self._pool.submit(key.tenant_id, lambda: self._serve(key))
        except ServiceError:
            self._finish(key)
            raise

    def _serve(self, key: DeviceKey) -> None:
        try:
            self._answers.serve(key)
        except ServiceError as error:
            log.warning("calls_not_served", device_id=key.device_id, code=error.code)
        finally:
            self._finish(key)

    def _finish(self, key: DeviceKey) -> None:
        with self._lock:
            self._busy.discard(key)
