"""Starts the parts of the service in order and stops them in reverse.

One lock guards the state and the list of started parts; nothing blocks while holding it. Parts are
started by one thread and stopped by another, which first waits for the start to end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from threading import Event, Lock, Thread

import structlog

from sessions.deadline import Deadline
from sessions.parts import Part

log = structlog.get_logger(__name__)


class State(Enum):
    """How far a process has come."""

    CREATED = "created"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    FAILED = "failed"


class Lifecycle:
    """The life of one process's service: `start`, `begin_stopping`, `stop`, each once."""

    def __init__(
        self, parts: Sequence[Part], *, stopping: Event, release_waiters: Callable[[], None]
    ) -> None:
        self._parts = parts
        self._stopping = stopping
        self._release_waiters = release_waiters
        self._lock = Lock()
        self._state = State.CREATED
        self._started: list[Part] = []
        self._start_ended = Event()
        self._start_ended.set()

    @property
    def state(self) -> State:
        """How far the process has come."""
        return self._state

    def start(self) -> None:
        """Start every part. What one raises ends the start; `stop` then stops those before it."""
        if not self._move({State.CREATED}, State.STARTING):
            return
        self._start_ended.clear()
        try:
            for part in self._parts:
                self._start_part(part)
            self._move({State.STARTING}, State.RUNNING)
        except Exception:
            self._move({State.STARTING}, State.FAILED)
            raise
        finally:
            self._start_ended.set()

    def start_in_background(self, on_failure: Callable[[Exception], None]) -> Thread:
        """Start in a thread of its own; a failure that is no stop is handed to the callback."""

        def run() -> None:
            try:
                self.start()
            except Exception as error:
                if not self._stopping.is_set():
                    on_failure(error)

        thread = Thread(target=run, name="wuts-start", daemon=True)
        thread.start()
        return thread

    def begin_stopping(self) -> None:
        """Refuse new work and release whoever waits. Harmless when repeated."""
        self._stopping.set()
        if self._move({State.CREATED, State.STARTING, State.RUNNING}, State.STOPPING):
            log.info("service_stopping")
        self._release_waiters()

    def stop(self, deadline: Deadline) -> None:
        """Stop what was started, the last first. A part that fails does not keep the others."""
        self.begin_stopping()
        self._start_ended.wait(deadline.remaining())
        while part := self._take_last():
            try:
                part.stop(deadline)
                log.info("part_stopped", part=part.name)
            except Exception as error:
                log.error("part_stop_failed", part=part.name, exc_info=error)

    def _start_part(self, part: Part) -> None:
        if self._stopping.is_set():
            return
        part.start()
        with self._lock:
            self._started.append(part)
        log.info("part_started", part=part.name)

    def _take_last(self) -> Part | None:
        with self._lock:
            return self._started.pop() if self._started else None

    def _move(self, before: set[State], after: State) -> bool:
        with self._lock:
            if self._state not in before:
                return False
            self._state = after
            return True
