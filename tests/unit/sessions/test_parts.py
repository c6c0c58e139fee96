"""What repeats itself while the service runs."""

from __future__ import annotations

from threading import Event

from sessions.deadline import Deadline
from sessions.errors import StorageUnavailable
from sessions.parts import Repeater


def test_a_step_that_fails_is_repeated() -> None:
    """Neither an error of the service nor a defect ends the repetition, and a stop does."""
    outcomes = [StorageUnavailable(), ValueError("a defect")]
    went_well = Event()

    def step() -> None:
        if outcomes:
            raise outcomes.pop()
        went_well.set()

    repeater = Repeater("test", step, pause=0.001)
    repeater.start()
    assert went_well.wait(5)
    repeater.stop(Deadline.after(5))
    went_well.clear()
    assert not went_well.wait(0.05)


def test_a_stop_ends_the_wait_of_a_step() -> None:
    """A step that waits for something is woken, and not waited for."""
    waits, came = Event(), Event()

    def step() -> None:
        waits.set()
        came.wait(60)

    repeater = Repeater("test", step, pause=0, wake=came.set)
    repeater.start()
    assert waits.wait(5)
    deadline = Deadline.after(5)
    repeater.stop(deadline)
    assert not deadline.expired
