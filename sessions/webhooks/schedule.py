"""When what was not taken is sent again, and when it is given up. The caller has the clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from sessions.webhooks.values import DeliveryStatus, Queue

_FIRST = timedelta(seconds=10)
_FACTOR = 4
_LONGEST = timedelta(hours=1)
_SPREAD = 0.2
_PATIENCE = timedelta(hours=24)
# While nothing is taken each event gets one attempt: a pause keeps that from being a flood.
_PAUSE = timedelta(seconds=1)


def after_success(sequence: int) -> Queue:
    """Return how a queue stands once an event was taken."""
    return Queue(sequence)


def after_failure(
    queue: Queue, sequence: int, *, retry_attempts: int, now: datetime, spread: float
) -> tuple[Queue, DeliveryStatus]:
    """Return how a queue stands once an event was not taken, and what becomes of the event.

    `spread` is a random number from -1 to 1.
    """
    attempts = queue.attempts + 1
    failing_since = queue.failing_since or now
    if queue.is_exhausted or attempts > retry_attempts:
        given_up = Queue(
            sequence, next_at=now + _PAUSE, failing_since=failing_since, is_exhausted=True
        )
        return given_up, DeliveryStatus.FAILED
    waiting = replace(
        queue,
        attempts=attempts,
        next_at=now + delay(attempts, spread),
        failing_since=failing_since,
    )
    return waiting, DeliveryStatus.WAITING


def delay(attempts: int, spread: float) -> timedelta:
    """Return how long to wait after so many attempts: 10 s, four times as long each time."""
    # The factor alone would grow beyond what a duration can hold.
    grown = _FIRST * float(min(_FACTOR ** (attempts - 1), _LONGEST / _FIRST))
    return min(grown * (1 + _SPREAD * spread), _LONGEST)


def is_hopeless(queue: Queue, now: datetime) -> bool:
    """Whether nothing was taken for so long that nothing more is sent."""
    return queue.failing_since is not None and now >= queue.failing_since + _PATIENCE
