"""Idempotency keys: a request that is repeated with the same key is answered, not done again.

Only success is kept, for a day. The key is written before anything is done, so that a storage that
can't keep it refuses the request first. Which requests run is known to this process alone: a key
without an answer that nobody works on is left over from a process that died, and is free.

The lock guards who runs; nothing blocks under it.
"""

from __future__ import annotations

from datetime import timedelta
from threading import Lock

import structlog

from sessions.errors import IdempotencyInProgress, IdempotencyMismatch, ServiceError
from sessions.store import idempotency as rows
from sessions.store.database import Database
from sessions.store.idempotency import Attempt, KeptAnswer
from sessions.times import WallClock

KEPT_FOR = timedelta(hours=24)

log = structlog.get_logger(__name__)


class Idempotency:
    """Begins and ends attempts. Each one that `begin` let through ends by `keep` or `free`."""

    def __init__(self, database: Database, now: WallClock) -> None:
        self._database = database
        self._now = now
        self._lock = Lock()
        self._running: dict[tuple[str, str], bytes] = {}

    def begin(self, attempt: Attempt) -> KeptAnswer | None:
        """Return the answer that was kept, or None: then the attempt is to be made.

        Raises IdempotencyInProgress, IdempotencyMismatch, StorageUnavailable.
        """
        self._enter(attempt)
        try:
            answer = self._find_or_reserve(attempt)
        except BaseException:
            self._leave(attempt)
            raise
        if answer is not None:
            self._leave(attempt)
        return answer

    def keep(self, attempt: Attempt, answer: KeptAnswer, *, tenant_id: str | None) -> None:
        """End an attempt that succeeded. What it did is done, even if the answer can't be kept."""
        expires_at = self._now() + KEPT_FOR
        try:
            with self._database.write() as transaction:
                rows.keep(
                    transaction, attempt, answer=answer, tenant_id=tenant_id, expires_at=expires_at
                )
        except ServiceError as error:
            log.warning("idempotent_answer_not_kept", code=error.code)
        finally:
            self._leave(attempt)

    def free(self, attempt: Attempt) -> None:
        """End an attempt that did not succeed: the key can be used again."""
        try:
            with self._database.write() as transaction:
                rows.free(transaction, attempt)
        except ServiceError as error:
            log.warning("idempotency_key_not_freed", code=error.code)
        finally:
            self._leave(attempt)

    def _enter(self, attempt: Attempt) -> None:
        with self._lock:
            running = self._running.get((attempt.user_id, attempt.key))
            if running is None:
                self._running[attempt.user_id, attempt.key] = attempt.fingerprint
                return
        raise IdempotencyInProgress if running == attempt.fingerprint else IdempotencyMismatch

    def _leave(self, attempt: Attempt) -> None:
        with self._lock:
            del self._running[attempt.user_id, attempt.key]

    def _find_or_reserve(self, attempt: Attempt) -> KeptAnswer | None:
        now = self._now()
        with self._database.read() as transaction:
            kept = rows.find(transaction, attempt, now)
        if kept is not None and kept.answer is not None:
            if kept.fingerprint != attempt.fingerprint:
                raise IdempotencyMismatch
            return kept.answer
        with self._database.write() as transaction:
            rows.forget_expired(transaction, now)
            rows.reserve(transaction, attempt, expires_at=now + KEPT_FOR)
        return None
