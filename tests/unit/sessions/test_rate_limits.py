"""Buckets that fill steadily."""

from __future__ import annotations

import pytest

from sessions import rate_limits
from sessions.errors import RateLimited
from sessions.rate_limits import RateLimiter


class Clock:
    """A clock that the test moves."""

    now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def taken(limiter: RateLimiter, key: str, times: int) -> int:
    """Count how many of so many acts are let through."""
    passed = 0
    for _ in range(times):
        try:
            limiter.take(key)
        except RateLimited:
            continue
        passed += 1
    return passed


def test_burst_then_the_rate() -> None:
    """A key acts `burst` times at once, and from then on as often as the bucket fills."""
    clock = Clock()
    limiter = RateLimiter(10, burst=5, clock=clock)
    assert taken(limiter, "a", 8) == 5
    clock.now += 0.1
    assert taken(limiter, "a", 8) == 1
    clock.now += 60
    assert taken(limiter, "a", 8) == 5


def test_the_refusal_says_when_to_repeat() -> None:
    """After the time that the refusal names, the act is let through, and not before."""
    clock = Clock()
    limiter = RateLimiter(0.25, burst=1, clock=clock)
    limiter.take("a")
    with pytest.raises(RateLimited) as raised:
        limiter.take("a")
    assert raised.value.retry_after == 4
    clock.now += 3.9
    assert taken(limiter, "a", 1) == 0
    clock.now += 0.1
    assert taken(limiter, "a", 1) == 1


def test_keys_do_not_share() -> None:
    """What one key did is not counted against another."""
    limiter = RateLimiter(1, burst=1, clock=Clock())
    assert taken(limiter, "a", 3) == 1
    assert taken(limiter, "b", 3) == 1


def test_off() -> None:
    """A limit of 0 is none."""
    assert taken(RateLimiter(0, burst=0, clock=Clock()), "a", 1000) == 1000


def test_the_table_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many keys there are, the ones that acted most are remembered, and few others."""
    monkeypatch.setattr(rate_limits, "MOST_KEYS", 10)
    clock = Clock()
    limiter = RateLimiter(1, burst=3, clock=clock)
    assert taken(limiter, "busy", 5) == 3
    for number in range(100):
        limiter.take(f"key {number}")
    assert len(limiter._full_at) <= 10
    assert taken(limiter, "busy", 5) == 0
    clock.now += 60
    for number in range(11):
        limiter.take(f"later {number}")
    assert "busy" not in limiter._full_at
