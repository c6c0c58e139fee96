"""The audit log: who did what, when, with which outcome. Ids only, kept for a while.

Administrative acts are written at once. Writes of chats are so many that they are written in
batches, by one thread: `Audit.step` writes what waits, `AuditThread` repeats it. The lock guards
what waits; nothing blocks under it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from threading import Event, Lock, Thread

import structlog

from sessions.deadline import Deadline
from sessions.environment import Environment
from sessions.errors import ServiceError
from sessions.paging import Page, PageRequest
from sessions.principals import Principal
from sessions.store import audit as rows
from sessions.store.audit import AuditEntry, AuditRecord

_MOST_WAITING = 10_000
_BATCH = 1_000
_PAUSE_SECONDS = 0.25
_PRUNE_EVERY = timedelta(hours=1)

log = structlog.get_logger(__name__)


class Audit:
    """Keeps the entries and shows them to admins."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._lock = Lock()
        self._waiting: deque[AuditEntry] = deque()
        self._came = Event()
        self._prune_at: datetime | None = None

    def record(self, entry: AuditEntry) -> None:
        """Write an entry, and what waits before it; soon when the storage is not available."""
        batch = [*self._take_batch(), entry]
        try:
            self._write(batch)
        except ServiceError as error:
            log.warning("audit_not_written", code=error.code)
            self._came.set()

    def record_soon(self, entry: AuditEntry) -> None:
        """Have an entry written with the next batch. When too many wait, the oldest is dropped."""
        with self._lock:
            dropped = self._waiting.popleft() if len(self._waiting) >= _MOST_WAITING else None
            self._waiting.append(entry)
        self._came.set()
        if dropped is not None:
            log.error("audit_dropped", request_id=dropped.request_id, action=dropped.action)

    def list(self, principal: Principal, page: PageRequest) -> Page[AuditRecord]:
        """List the entries of the caller's tenant, newest first."""
        with self._environment.database.read() as transaction:
            return rows.of_tenant(transaction, principal.tenant_id, page)

    def wait(self, seconds: float) -> None:
        """Block until an entry waits, at most so long."""
        self._came.wait(seconds)

    def step(self) -> None:
        """Write every entry that waits, and forget those that are too old.

        Raises StorageUnavailable; the entries wait on.
        """
        self._came.clear()
        while batch := self._take_batch():
            self._write(batch)
        self._prune()

    def wake(self) -> None:
        """End the present wait."""
        self._came.set()

    def _take_batch(self) -> Sequence[AuditEntry]:
        with self._lock:
            return [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]

    def _write(self, batch: Sequence[AuditEntry]) -> None:
        try:
            with self._environment.database.write() as transaction:
                rows.add(transaction, batch)
        except BaseException:
            with self._lock:
                self._waiting.extendleft(reversed(batch))
            raise

    def _prune(self) -> None:
        now = self._environment.now()
        if self._prune_at is not None and now < self._prune_at:
            return
        oldest = now - timedelta(days=self._environment.config.audit_days)
        with self._environment.database.write() as transaction:
            removed = rows.remove_before(transaction, oldest, most=_BATCH)
        self._prune_at = now if removed == _BATCH else now + _PRUNE_EVERY


class AuditThread:
    """Repeats the step while entries come, with a pause that lets batches grow."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="audit", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, deadline: Deadline) -> None:
        """Write what still waits and end the thread; waits for it until the deadline."""
        self._stopping.set()
        self._audit.wake()
        self._thread.join(deadline.remaining())

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._step()
            self._stopping.wait(_PAUSE_SECONDS)
            self._audit.wait(_PRUNE_EVERY.total_seconds())
        self._step()

    def _step(self) -> None:
        try:
            self._audit.step()
        except ServiceError as error:
            log.warning("audit_not_written", code=error.code)
            self._audit.wake()
        except Exception:
            log.exception("audit_step_failed")
