"""Lanes: order, one at a time, bounds, errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bridge.errors import BridgeCode, BridgeError
from sessions.errors import (
    DeviceBusy,
    DeviceLoggedOut,
    DeviceTimeout,
    InternalError,
    ShuttingDown,
    StorageUnavailable,
)
from sessions.lane import Command, CommandQueue, Lane, run_command
from sessions.waiting import Waiter
from tests.support.sessions import at_once, soon


class Runner:
    """A pool without threads: the test runs the tasks."""

    def __init__(self) -> None:
        self.tasks: list[Callable[[], None]] = []

    def run(self) -> None:
        """Run what was scheduled, and what that schedules."""
        while self.tasks:
            self.tasks.pop(0)()


@pytest.fixture
def runner() -> Runner:
    """A pool without threads."""
    return Runner()


@pytest.fixture
def lane(runner: Runner) -> Lane[Command, Command]:
    """A lane with room for three."""
    return Lane(CommandQueue(), run_command, schedule=runner.tasks.append, limit=3)


def command(run: Callable[[], Any], at: float = 0.0) -> Command:
    """Make a command."""
    return Command(lambda _deadline: run(), soon(), Waiter(), at)


def raising(error: Exception) -> Callable[[], Any]:
    """Return a function that raises."""

    def run() -> None:
        raise error

    return run


def test_commands_run_in_order_in_one_task(lane: Lane[Command, Command], runner: Runner) -> None:
    """However many wait, the lane has one task in the pool."""
    order: list[int] = []
    commands = [command(lambda number=number: order.append(number)) for number in range(3)]
    for one in commands:
        lane.submit(one)
    assert len(runner.tasks) == 1
    runner.run()
    assert order == [0, 1, 2]
    assert all(one.waiter.is_settled for one in commands)


def test_the_result_goes_to_the_one_who_waits(lane: Lane[Command, Command], runner: Runner) -> None:
    """What the command returns is what its waiter gets."""
    one = command(lambda: 42)
    lane.submit(one)
    runner.run()
    assert one.waiter.wait(at_once()) == 42


def test_a_lane_has_a_bound(lane: Lane[Command, Command], runner: Runner) -> None:
    """One more than fits is refused; those who have left don't count."""
    commands = [command(lambda: None) for _ in range(3)]
    for one in commands:
        lane.submit(one)
    with pytest.raises(DeviceBusy):
        lane.submit(command(lambda: None))
    with pytest.raises(DeviceTimeout):
        commands[1].waiter.wait(at_once())
    lane.submit(command(lambda: None))
    runner.run()
    lane.submit(command(lambda: None))


def test_a_command_without_a_waiter_is_not_run(
    lane: Lane[Command, Command], runner: Runner
) -> None:
    """Who left before its turn caused nothing."""
    ran: list[int] = []
    one = command(lambda: ran.append(1))
    lane.submit(one)
    with pytest.raises(DeviceTimeout):
        one.waiter.wait(at_once())
    runner.run()
    assert ran == []


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (BridgeError(BridgeCode.DEVICE_LOGGED_OUT, ""), DeviceLoggedOut),
        (StorageUnavailable(), StorageUnavailable),
        (ZeroDivisionError(), InternalError),
    ],
)
def test_a_failure_fails_the_command_and_not_the_lane(
    lane: Lane[Command, Command], runner: Runner, raised: Exception, expected: type[Exception]
) -> None:
    """The bridge's errors are translated, defects are internal errors; the next command runs."""
    failing, following = command(raising(raised)), command(lambda: 1)
    lane.submit(failing)
    lane.submit(following)
    runner.run()
    with pytest.raises(expected):
        failing.waiter.wait(at_once())
    assert following.waiter.wait(at_once()) == 1


def test_the_age_is_that_of_the_oldest_command(
    lane: Lane[Command, Command], runner: Runner
) -> None:
    """It counts from the arrival, while the command runs too; an idle lane has no age."""
    ages: list[float] = []
    assert lane.age(10.0) == 0.0
    lane.submit(command(lambda: ages.append(lane.age(10.0)), at=3.0))
    lane.submit(command(lambda: ages.append(lane.age(10.0)), at=4.0))
    assert lane.age(10.0) == 7.0
    runner.run()
    assert ages == [7.0, 6.0]
    assert lane.age(10.0) == 0.0


def test_a_stopped_pool_refuses_the_command() -> None:
    """The lane says so at once, and again the next time."""
    lane = Lane(
        CommandQueue(), run_command, schedule=lambda _task: raising(ShuttingDown())(), limit=3
    )
    for _ in range(2):
        with pytest.raises(ShuttingDown):
            lane.submit(command(lambda: None))
