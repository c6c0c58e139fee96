"""Brings back the devices that should be online, one after the other, when the service starts.

`Boot.step` tries each of them once; `BootThread` repeats it for those that failed in passing.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from threading import Event, Thread

import structlog

from sessions.connections import Connections
from sessions.deadline import Deadline
from sessions.errors import ServiceError
from sessions.states import Device
from sessions.store import devices as rows
from sessions.store.database import Database

_CONNECT_SECONDS = 20.0
_JITTER_SECONDS = (0.01, 0.05)
_FIRST_PAUSE_SECONDS = 2.0
_LONGEST_PAUSE_SECONDS = 60.0

log = structlog.get_logger(__name__)


class Boot:
    """Knows which devices are still to be brought back. One thread at a time."""

    def __init__(self, database: Database, connections: Connections) -> None:
        self._database = database
        self._connections = connections
        self._left: list[Device] | None = None

    def step(self, pause: Callable[[float], bool]) -> bool:
        """Try each device once; returns whether none is left.

        `pause` sleeps for some seconds, and returns whether to stop. Raises StorageUnavailable.
        """
        left = self._find() if self._left is None else self._left
        failed: list[Device] = []
        for position, device in enumerate(left):
            # The jitter keeps many devices from reaching WhatsApp at the same instant.
            if pause(random.uniform(*_JITTER_SECONDS)):  # noqa: S311 - no secret depends on it
                failed += left[position:]
                break
            if not self._try(device):
                failed.append(device)
        self._left = failed
        return not failed

    def _find(self) -> list[Device]:
        with self._database.read() as transaction:
            return rows.to_restore(transaction)

    def _try(self, device: Device) -> bool:
        """Return False when it should be tried again."""
        try:
            self._connections.restore(device, Deadline.after(_CONNECT_SECONDS))
        except ServiceError as error:
            log.warning("device_not_restored", device_id=device.id, code=error.code)
            return error.retry_after is None
        return True


class BootThread:
    """Repeats the step until no device is left, with growing pauses."""

    def __init__(self, boot: Boot) -> None:
        self._boot = boot
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="boot", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, deadline: Deadline) -> None:
        """End the thread; waits for it until the deadline."""
        self._stopping.set()
        self._thread.join(deadline.remaining())

    def _run(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while not self._step() and not self._stopping.wait(pause):
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _step(self) -> bool:
        try:
            return self._boot.step(self._stopping.wait)
        except ServiceError as error:
            log.warning("devices_not_restored", code=error.code)
        except Exception:
            log.exception("boot_step_failed")
        return False
