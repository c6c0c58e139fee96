"""When what was not taken is sent again, and when it is given up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sessions.webhooks.schedule import after_failure, after_success, delay, is_hopeless
from sessions.webhooks.values import DeliveryStatus, Queue

NOW = datetime(2026, 6, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("attempts", "spread", "seconds"),
    [
        (1, 0, 10),
        (2, 0, 40),
        (3, 0, 160),
        (4, 0, 640),
        (5, 0, 2560),
        (6, 0, 3600),
        (20, 0, 3600),
        (1, -1, 8),
        (1, 1, 12),
        (5, 1, 3072),
        (6, 1, 3600),
        (20, -1, 2880),
    ],
)
def test_delays(attempts: int, spread: float, seconds: float) -> None:
    """Four times as long each time, a fifth sooner or later, an hour at most."""
    assert delay(attempts, spread) == timedelta(seconds=seconds)


def test_waiting_then_given_up() -> None:
    """An event has its attempts and the position waits; the one after that settles it."""
    queue = Queue(41)
    for attempts in (1, 2, 3):
        queue, status = after_failure(queue, 42, retry_attempts=3, now=NOW, spread=0)
        assert (status, queue.position, queue.attempts) == (DeliveryStatus.WAITING, 41, attempts)
    queue, status = after_failure(queue, 42, retry_attempts=3, now=NOW, spread=0)
    assert (status, queue.position, queue.attempts) == (DeliveryStatus.FAILED, 42, 0)


def test_one_attempt_each_until_one_is_taken() -> None:
    """Behind an event that was given up each has one attempt; a success brings the others back."""
    queue, _ = after_failure(Queue(1), 2, retry_attempts=0, now=NOW, spread=0)
    assert (queue.is_exhausted, queue.next_at) == (True, NOW + timedelta(seconds=1))
    queue, status = after_failure(queue, 3, retry_attempts=20, now=NOW, spread=0)
    assert (status, queue.position) == (DeliveryStatus.FAILED, 3)
    queue, status = after_failure(after_success(4), 5, retry_attempts=20, now=NOW, spread=0)
    assert status is DeliveryStatus.WAITING


def test_hopeless_after_a_day() -> None:
    """The day begins with the first failure after a success."""
    day = timedelta(hours=24)
    queue, _ = after_failure(Queue(1), 2, retry_attempts=9, now=NOW, spread=0)
    assert not is_hopeless(queue, NOW + day - timedelta(seconds=1))
    later, _ = after_failure(queue, 2, retry_attempts=9, now=NOW + day, spread=0)
    assert is_hopeless(later, NOW + day)
    assert not is_hopeless(after_success(2), NOW + 2 * day)
