"""The bounded pool of threads that run lanes.

Its lock guards the queues and the counts; idle threads wait on a condition of it. Tasks run outside
it; one task is one blocking bridge call, and never waits for another task.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition, Lock, Thread

import structlog

from sessions.deadline import Deadline
from sessions.errors import ShuttingDown

Task = Callable[[], None]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Load:
    """How many tasks wait for a thread, and how many have one."""

    queued: int
    running: int


class Pool:
    """Runs tasks, at most `size` at once and `per_tenant` of one tenant.

    Tenants take turns, and one that is at its limit holds up no other.
    """

    def __init__(self, size: int, *, per_tenant: int) -> None:
        self._size = size
        self._per_tenant = per_tenant
        lock = Lock()
        self._work_came = Condition(lock)
        self._work_ended = Condition(lock)
        self._queues: dict[str, deque[Task]] = {}
        self._running: Counter[str] = Counter()
        self._turns: deque[str] = deque()
        self._stopped = False
        self._threads: list[Thread] = []

    def start(self) -> None:
        """Start the threads."""
        for number in range(self._size):
            thread = Thread(target=self._work, name=f"pool-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def submit(self, tenant_id: str, task: Task) -> None:
        """Queue a task. Raises ShuttingDown when the pool is stopped."""
        with self._work_came:
            if self._stopped:
                raise ShuttingDown
            self._queues.setdefault(tenant_id, deque()).append(task)
            self._line_up(tenant_id)
            self._work_came.notify()

    def load(self) -> Load:
        """Return how much there is to do."""
        with self._work_came:
            queued = sum(len(queue) for queue in self._queues.values())
            return Load(queued, self._running.total())

    def drain(self, deadline: Deadline) -> bool:
        """Wait until nothing runs or is queued; returns whether that was so by the deadline."""
        with self._work_ended:
            return self._work_ended.wait_for(
                lambda: not self._queues and not self._running.total(), deadline.remaining()
            )

    def stop(self, deadline: Deadline) -> None:
        """Forget what is queued and wait for the threads until the deadline."""
        with self._work_came:
            self._stopped = True
            self._queues.clear()
            self._turns.clear()
            self._work_came.notify_all()
        for thread in self._threads:
            thread.join(deadline.remaining())

    def _line_up(self, tenant_id: str) -> None:
        """Give the tenant a turn if it has work, may run more, and has no turn yet."""
        has_work = tenant_id in self._queues
        may_run = self._running[tenant_id] < self._per_tenant
        if has_work and may_run and tenant_id not in self._turns:
            self._turns.append(tenant_id)

    def _work(self) -> None:
        while True:
            taken = self._take()
            if taken is None:
                return
            tenant_id, task = taken
            try:
                task()
            except Exception:
                log.exception("pool_task_failed")
            finally:
                self._finish(tenant_id)

    def _take(self) -> tuple[str, Task] | None:
        with self._work_came:
            self._work_came.wait_for(lambda: self._turns or self._stopped)
            if self._stopped:
                return None
            tenant_id = self._turns.popleft()
            queue = self._queues[tenant_id]
            task = queue.popleft()
            if not queue:
                del self._queues[tenant_id]
            self._running[tenant_id] += 1
            self._line_up(tenant_id)
            return tenant_id, task

    def _finish(self, tenant_id: str) -> None:
        with self._work_came:
            self._running[tenant_id] -= 1
            if not self._running[tenant_id]:
                del self._running[tenant_id]
            self._line_up(tenant_id)
            self._work_came.notify()
            self._work_ended.notify_all()
