"""Waiters and the room they wait in."""

from __future__ import annotations

import pytest

from sessions.errors import DeviceError, DeviceNotReady, DeviceTimeout, ShuttingDown
from sessions.waiting import Waiter, WaitingRoom
from tests.support.sessions import at_once, soon, threads


def test_the_first_outcome_stands() -> None:
    """A later success or failure changes nothing."""
    waiter: Waiter[int] = Waiter()
    waiter.succeed(1)
    waiter.succeed(2)
    waiter.fail(DeviceError())
    assert waiter.wait(at_once()) == 1


def test_a_failure_is_raised_where_one_waits() -> None:
    """The error given is the error raised."""
    waiter: Waiter[int] = Waiter()
    error = DeviceError()
    waiter.fail(error)
    with pytest.raises(DeviceError) as raised:
        waiter.wait(soon())
    assert raised.value is error


def test_who_leaves_at_the_deadline_is_settled() -> None:
    """After its deadline a waiter counts as gone, and a late outcome is ignored."""
    waiter: Waiter[int] = Waiter()
    with pytest.raises(DeviceTimeout):
        waiter.wait(at_once())
    assert waiter.is_settled
    waiter.succeed(1)
    with pytest.raises(DeviceTimeout):
        waiter.wait(soon())


def test_closing_releases_everybody() -> None:
    """Those inside get ShuttingDown at once, and so do those who come later."""
    room = WaitingRoom()
    room.open()

    def wait() -> None:
        with room.enter() as waiter:
            waiter.wait(soon())

    with room.enter() as first, threads([wait, wait]) as outcomes:
        room.close()
        with pytest.raises(ShuttingDown):
            first.wait(soon())
    assert [type(outcome) for outcome in outcomes] == [ShuttingDown, ShuttingDown]
    with pytest.raises(ShuttingDown), room.enter():
        pass


def test_nobody_waits_before_it_opens() -> None:
    """A service that is starting says so, and that repeating helps."""
    room = WaitingRoom()
    with pytest.raises(DeviceNotReady, match="starting") as raised, room.enter():
        pass
    assert raised.value.retry_after


def test_a_closed_room_never_opens() -> None:
    """A stop that comes before the end of the start wins."""
    room = WaitingRoom()
    room.close()
    room.open()
    assert room.is_closed
    with pytest.raises(ShuttingDown), room.enter():
        pass
