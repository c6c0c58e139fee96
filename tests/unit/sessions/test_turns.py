"""Turns: in order, one at a time, and with an end to waiting."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from sessions.store.turns import Turns
from tests.support.sessions import SECONDS, wait_until


@pytest.fixture
def turns() -> Turns:
    """It is nobody's turn yet."""
    return Turns()


def test_turns_come_in_order(turns: Turns) -> None:
    """Also when whoever had one asks for the next at once: the others were there before."""
    served: list[str] = []

    def serve(name: str) -> None:
        assert turns.take(SECONDS)
        served.append(name)
        turns.pass_on()

    with ThreadPoolExecutor(3) as threads:
        assert turns.take(0)
        for count, name in enumerate("abc", start=1):
            threads.submit(serve, name)
            wait_until(_waiting(turns, count))
        turns.pass_on()
        serve("again")
    assert served == ["a", "b", "c", "again"]


def test_who_waits_too_long_leaves(turns: Turns) -> None:
    """The turn does not go to him any more."""
    assert turns.take(0)
    assert not turns.take(0.01)
    assert _waiting(turns, 0)()
    assert turns.age > 0
    turns.pass_on()
    assert turns.age == 0
    assert turns.take(0)


def test_a_turn_that_comes_late_is_taken(turns: Turns) -> None:
    """What is handed over in the very moment in which somebody stops waiting is not lost."""
    assert turns.take(0)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(turns.take, SECONDS)
        wait_until(_waiting(turns, 1))
        gate = turns._waiting[0]
        turns.pass_on()
        assert waiting.result(SECONDS)
        assert turns._leave(gate) is False


def _waiting(turns: Turns, count: int) -> Callable[[], bool]:
    return lambda: len(turns._waiting) == count
