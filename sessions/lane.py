"""A lane: the queue of one device's commands of one kind, worked off in order, one at a time.

Its lock guards the queue and what runs; nothing blocks under it. What runs is in the pool, at most
one task a lane.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Any, Generic, Protocol, TypeVar

import structlog

from bridge.errors import BridgeError
from sessions.bridge_errors import from_bridge_error
from sessions.bursts import Burst
from sessions.deadline import Deadline
from sessions.errors import DeviceBusy, InternalError, ServiceError, ShuttingDown
from sessions.waiting import Waiter

log = structlog.get_logger(__name__)


class Job(Protocol):
    """What a lane runs at a time."""

    @property
    def arrived_at(self) -> float:
        """When its oldest request came, in monotonic seconds."""
        ...

    def fail(self, make_error: Callable[[], ServiceError]) -> None:
        """End the wait of each of its requests, each with an error of its own."""
        ...


Request = TypeVar("Request")
Request_contra = TypeVar("Request_contra", contravariant=True)
JobType = TypeVar("JobType", bound=Job)
Job_co = TypeVar("Job_co", bound=Job, covariant=True)


class Queue(Protocol[Request_contra, Job_co]):
    """Requests in, jobs out. Not synchronised: the lane does that."""

    def add(self, request: Request_contra) -> None:
        """Take a request in."""
        ...

    def take(self) -> Job_co | None:
        """Give the next job, leaving out what nobody waits for any more."""
        ...

    def held(self) -> int:
        """Count the requests inside, those included that nobody waits for any more."""
        ...

    def is_filling(self) -> bool:
        """Whether the next job would be made of requests, and has room for more of them."""
        ...

    def waiting(self) -> int:
        """Count the requests that somebody still waits for."""
        ...

    def oldest_at(self) -> float | None:
        """Say when the oldest of them came, in monotonic seconds."""
        ...


class Lane(Generic[Request, JobType]):
    """Runs the jobs of a queue with `execute`, in order. `schedule` hands a task to the pool.

    `execute` gives the outcome to the job's requests; what it raises fails all of them. Requests
    that come on the heels of each other while a job runs are let arrive before the next one.
    """

    def __init__(
        self,
        queue: Queue[Request, JobType],
        execute: Callable[[JobType], None],
        *,
        schedule: Callable[[Callable[[], None]], None],
        limit: int,
        burst: Burst | None = None,
    ) -> None:
        self._queue = queue
        self._execute = execute
        self._schedule = schedule
        self._limit = limit
        self._burst = burst or Burst()
        self._lock = Lock()
        self._scheduled = False
        self._running: JobType | None = None

    def submit(self, *requests: Request) -> None:
        """Queue requests, all or none, with none of others' between them.

        Raises DeviceBusy when too many wait, ShuttingDown when stopped.
        """
        with self._lock:
            room = self._limit - len(requests)
            # Those who still wait are counted only if it matters: that takes a look at each.
            if self._queue.held() > room and self._queue.waiting() > room:
                raise DeviceBusy
            for request in requests:
                self._queue.add(request)
            self._burst.note()
            if self._scheduled:
                return
            self._scheduled = True
        try:
            self._schedule(self._run)
        except ShuttingDown:
            with self._lock:
                self._scheduled = False
            raise

    def age(self, now: float) -> float:
        """Return for how many seconds the oldest command, the running one if any, has been here."""
        with self._lock:
            running = self._running
            oldest = running.arrived_at if running is not None else self._queue.oldest_at()
        return 0.0 if oldest is None else now - oldest

    def fail_waiting(self, make_error: Callable[[], ServiceError]) -> None:
        """End the wait of all that is queued, each with an error of its own; what runs goes on."""
        with self._lock:
            while (job := self._queue.take()) is not None:
                job.fail(make_error)

    def _run(self) -> None:
        with self._lock:
            job = self._running = self._queue.take()
            if job is None:
                self._scheduled = False
                return
        self._attempt(job)
        with self._lock:
            self._running = None
        # Through the pool again, so that other lanes and tenants get their turn.
        with suppress(ShuttingDown):
            self._schedule(self._run_next)

    def _run_next(self) -> None:
        self._burst.wait(self._queue.is_filling)
        self._run()

    def _attempt(self, job: JobType) -> None:
        try:
            self._execute(job)
        except BridgeError as error:
            job.fail(partial(from_bridge_error, error))
        except ServiceError as error:
            job.fail(error.copy)
        except Exception:
            log.exception("lane_job_failed")
            job.fail(InternalError)


@dataclass(frozen=True, slots=True, eq=False)
class Command:
    """A request that is a job of its own: `run` gets the deadline and returns the outcome."""

    run: Callable[[Deadline], Any]
    deadline: Deadline
    waiter: Waiter[Any]
    arrived_at: float

    def fail(self, make_error: Callable[[], ServiceError]) -> None:
        """End the wait with an error."""
        self.waiter.fail(make_error())


class CommandQueue:
    """Commands in the order in which they came."""

    def __init__(self) -> None:
        self._commands: deque[Command] = deque()

    def add(self, request: Command) -> None:
        """Put a command at the end."""
        self._drop_unwaited()
        self._commands.append(request)

    def take(self) -> Command | None:
        """Take the first command that somebody waits for."""
        self._drop_unwaited()
        return self._commands.popleft() if self._commands else None

    def held(self) -> int:
        """Count the commands inside."""
        return len(self._commands)

    def is_filling(self) -> bool:
        """Say no: a command travels alone."""
        return False

    def waiting(self) -> int:
        """Count the commands that somebody waits for."""
        return sum(not command.waiter.is_settled for command in self._commands)

    def oldest_at(self) -> float | None:
        """Say when the oldest of them came."""
        waiting = (c.arrived_at for c in self._commands if not c.waiter.is_settled)
        return next(waiting, None)

    def _drop_unwaited(self) -> None:
        waited = [command for command in self._commands if not command.waiter.is_settled]
        self._commands = deque(waited)


def run_command(command: Command) -> None:
    """Run a command and hand its outcome to the one who waits."""
    command.waiter.succeed(command.run(command.deadline))
