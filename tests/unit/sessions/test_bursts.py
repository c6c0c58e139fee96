"""Bursts, and lanes that wait for their end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sessions.app_state import Change, Draft, Merger, MutationRequest
from sessions.bursts import LONGEST_QUIET_SECONDS, MOST_SECONDS, QUIET_SECONDS, Burst
from sessions.lane import Lane
from sessions.waiting import Waiter
from tests.support.sessions import soon


class World:
    """A lane of patches whose time and pool the test runs; `arrivals` come during pauses."""

    def __init__(self) -> None:
        self.now = 100.0
        self.pauses: list[float] = []
        self.arrivals: list[str] = []
        self.tasks: list[Callable[[], None]] = []
        self.patches: list[list[str]] = []
        self.during: list[str] = []
        self.lane: Lane[MutationRequest, Draft] = Lane(
            Merger(),
            self.send,
            schedule=self.tasks.append,
            limit=1000,
            burst=Burst(lambda: self.now, self.pause),
        )

    def pause(self, seconds: float) -> None:
        """Let time pass; half-way one more request comes if there is one left."""
        self.pauses.append(seconds)
        self.now += seconds / 2
        if self.arrivals:
            self.ask(self.arrivals.pop(0))
        self.now += seconds / 2

    def ask(self, chat: str) -> None:
        """Submit a request."""
        change = Change("regular_low", frozenset({"pin"}), lambda _: ())
        self.lane.submit(MutationRequest(chat, change, soon(), Waiter(), self.now))

    def send(self, draft: Draft) -> None:
        """Accept a patch, during which the next requests come."""
        self.patches.append(draft.chat_jids)
        for chat in self.during:
            self.ask(chat)
        self.during = []
        for request in draft.requests:
            request.waiter.succeed(None)

    def run(self) -> None:
        """Run what was scheduled, and what that schedules."""
        while self.tasks:
            self.tasks.pop(0)()


@pytest.fixture
def world() -> World:
    """Nothing was asked yet."""
    return World()


def test_a_serial_client_never_waits(world: World) -> None:
    """One request after the other: each is sent at once."""
    for number in range(5):
        world.ask(f"chat {number}")
        world.run()
    assert len(world.patches) == 5
    assert world.pauses == []


def test_the_first_of_a_burst_never_waits(world: World) -> None:
    """While nothing is in flight there is nothing to gather for."""
    world.ask("a")
    world.ask("b")
    world.run()
    assert world.patches == [["a", "b"]]
    assert world.pauses == []


def test_a_burst_travels_together(world: World) -> None:
    """What comes within a moment of the request before it is in the same patch."""
    world.during, world.arrivals = ["b"], ["c", "d"]
    world.ask("a")
    world.run()
    assert world.patches == [["a"], ["b", "c", "d"]]


def test_what_waits_for_long_is_sent_at_once(world: World) -> None:
    """After a quiet moment no more is waited for."""
    world.during = ["b"]
    world.ask("a")
    first = world.tasks.pop(0)
    first()
    world.now += LONGEST_QUIET_SECONDS
    world.run()
    assert world.patches == [["a"], ["b"]]
    assert world.pauses == []


@pytest.mark.parametrize(
    ("apart", "quiet"), [(0.0, QUIET_SECONDS), (0.005, 0.015), (0.02, LONGEST_QUIET_SECONDS)]
)
def test_where_requests_come_in_slowly_a_burst_is_waited_for_longer(
    world: World, apart: float, quiet: float
) -> None:
    """It is over after three times the usual silence, within bounds."""
    world.ask("a")
    first = world.tasks.pop(0)
    first()
    for _ in range(100):
        world.now += apart
        world.ask("b")
    world.run()
    assert world.patches == [["a"], ["b"]]
    assert world.pauses == [pytest.approx(quiet, rel=0.01)]


def test_a_burst_without_an_end_is_not_waited_for(world: World) -> None:
    """The wait has a bound, however many keep coming."""
    world.during, world.arrivals = ["b"], ["b"] * 1000
    world.ask("a")
    world.tasks.pop(0)()
    began = world.now
    world.tasks.pop(0)()
    assert world.now - began == pytest.approx(MOST_SECONDS)
    assert len(world.patches) == 2


def test_a_full_patch_waits_for_nothing(world: World) -> None:
    """When no more fit, it is sent."""
    world.during = [f"chat {number}" for number in range(120)]
    world.ask("a")
    world.run()
    assert len(world.pauses) == 1
    assert [len(patch) for patch in world.patches] == [1, 100, 20]
