"""What is started when the service starts, and stopped with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Thread

import structlog

from sessions.deadline import Deadline
from sessions.errors import ServiceError

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Part:
    """Something that is started and stopped. `stop` is told until when it may take."""

    name: str
    start: Callable[[], None]
    stop: Callable[[Deadline], None]


class Repeater:
    """Repeats a step in a thread of its own, with a pause of some seconds before each.

    What a step raises is logged, and the next one comes all the same. `wake` ends a wait within the
    step, so that a stop need not wait for it.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], None],
        *,
        pause: float,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._name = name
        self._step = step
        self._pause = pause
        self._wake = wake
        self._stopping = Event()
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, deadline: Deadline) -> None:
        """End the thread; waits for it until the deadline."""
        self._stopping.set()
        self._wake()
        self._thread.join(deadline.remaining())

    def as_part(self) -> Part:
        """Return it as a part of the service."""
        return Part(self._name, self.start, self.stop)

    def _run(self) -> None:
        while not self._stopping.wait(self._pause):
            try:
                self._step()
            except ServiceError as error:
                log.warning("step_failed", part=self._name, code=error.code)
            except Exception:
                log.exception("step_failed", part=self._name)
