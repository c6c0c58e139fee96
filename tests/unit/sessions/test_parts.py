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
