"""Rows of idempotency keys, in the caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.orm import Session as Transaction

from sessions.store.models import IdempotencyRow


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request with a key: who made it, and what it asks for, as a SHA-256.

    `user_id` is `master` for the platform's owner; `tenant_id` and `device_id` say whose data the
    answer will be about, as far as that is known beforehand.
    """

    user_id: str
    key: str
    fingerprint: bytes
    tenant_id: str | None = None
    device_id: str | None = None


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """The answer of a request that succeeded. `body` is JSON without secrets."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class KeptAttempt:
    """What is kept of a key. Without an answer nothing is known of what came of the request."""

    fingerprint: bytes
    answer: KeptAnswer | None


def find(transaction: Transaction, attempt: Attempt, now: datetime) -> KeptAttempt | None:
    """Find what is kept of an attempt's key, unless that has expired."""
    row = transaction.get(IdempotencyRow, (attempt.user_id, attempt.key))
    if row is None or row.expires_at <= now:
        return None
    if row.status is None or row.body is None:
        return KeptAttempt(row.fingerprint, None)
    return KeptAttempt(row.fingerprint, KeptAnswer(row.status, row.body))


def reserve(transaction: Transaction, attempt: Attempt, *, expires_at: datetime) -> None:
    """Take the key for an attempt, whatever was kept of it."""
    transaction.merge(
        IdempotencyRow(
            user_id=attempt.user_id,
            key=attempt.key,
            tenant_id=attempt.tenant_id,
            device_id=attempt.device_id,
            fingerprint=attempt.fingerprint,
            expires_at=expires_at,
            status=None,
            body=None,
        )
    )


def keep(
    transaction: Transaction,
    attempt: Attempt,
    *,
    answer: KeptAnswer,
    tenant_id: str | None,
    expires_at: datetime,
) -> None:
    """Keep the answer, unless the key was erased with its user or device in the meantime."""
    row = transaction.get(IdempotencyRow, (attempt.user_id, attempt.key))
    if row is not None:
        row.status, row.body, row.expires_at = answer.status, answer.body, expires_at
        row.tenant_id = tenant_id


def free(transaction: Transaction, attempt: Attempt) -> None:
    """Forget the key."""
    transaction.execute(
        delete(IdempotencyRow).where(
            IdempotencyRow.user_id == attempt.user_id, IdempotencyRow.key == attempt.key
        )
    )


def forget_expired(transaction: Transaction, now: datetime) -> None:
    """Forget every key whose time is over."""
    transaction.execute(delete(IdempotencyRow).where(IdempotencyRow.expires_at <= now))
