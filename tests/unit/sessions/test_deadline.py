"""Deadlines."""

from __future__ import annotations

from sessions.deadline import Deadline


def test_the_time_left_shrinks_to_zero() -> None:
    """What is left follows the clock and never becomes negative."""
    now = [100.0]
    deadline = Deadline.after(2.5, lambda: now[0])
    assert (deadline.remaining(), deadline.remaining_ms(), deadline.expired) == (2.5, 2500, False)
    now[0] = 102.4999
    assert deadline.remaining_ms() == 1
    now[0] = 103.0
    assert (deadline.remaining(), deadline.remaining_ms(), deadline.expired) == (0.0, 0, True)


def test_deadlines_compare_by_time() -> None:
    """The later deadline is the greater one."""
    assert max(Deadline(1.0), Deadline(3.0), Deadline(2.0)) == Deadline(3.0)
