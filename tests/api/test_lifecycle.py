"""Start in order, stop in reverse."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread

import pytest

from app.lifecycle import Lifecycle, State
from sessions.deadline import Deadline
from sessions.parts import Part


class Recorder:
    """Parts that note what happens to them."""

    def __init__(self) -> None:
        self.noted: list[str] = []
        self.stopping = Event()

    def part(self, name: str, *, start: Callable[[], None] | None = None) -> Part:
        """Make a part that may do something of its own when started."""

        def begin() -> None:
            if start is not None:
                start()
            self.noted.append(f"start {name}")

        return Part(name, begin, lambda _: self.noted.append(f"stop {name}"))

    def lifecycle(self, *parts: Part) -> Lifecycle:
        """Make a lifecycle of parts."""
        return Lifecycle(
            parts, stopping=self.stopping, release_waiters=lambda: self.noted.append("release")
        )


def fail() -> None:
    """Fail as a part may."""
    raise OSError("no")


def test_order() -> None:
    """Parts start in order; a stop releases the waiters first and stops the last part first."""
    recorder = Recorder()
    lifecycle = recorder.lifecycle(recorder.part("a"), recorder.part("b"))
    lifecycle.start()
    assert lifecycle.state is State.RUNNING
    lifecycle.stop(Deadline.after(1))
    assert recorder.noted == ["start a", "start b", "release", "stop b", "stop a"]
    assert lifecycle.state is State.STOPPING


def test_failed_start() -> None:
    """A part that can't start fails the whole; a stop then stops only those before it."""
    recorder = Recorder()
    lifecycle = recorder.lifecycle(recorder.part("a"), recorder.part("b", start=fail))
    with pytest.raises(OSError, match="no"):
        lifecycle.start()
    assert lifecycle.state is State.FAILED
    lifecycle.stop(Deadline.after(1))
    assert recorder.noted == ["start a", "release", "stop a"]


def test_failed_start_is_reported() -> None:
    """A failure in the background reaches the callback."""
    recorder = Recorder()
    failures: list[Exception] = []
    lifecycle = recorder.lifecycle(recorder.part("a", start=fail))
    lifecycle.start_in_background(failures.append).join(10)
    assert [str(failure) for failure in failures] == ["no"]


def test_stop_during_the_start() -> None:
    """A stop while a part starts ends the start and is no failure of it."""
    recorder = Recorder()
    failures: list[Exception] = []
    begun = Event()

    def wait_for_the_stop() -> None:
        begun.set()
        recorder.stopping.wait(10)

    lifecycle = recorder.lifecycle(recorder.part("a", start=wait_for_the_stop), recorder.part("b"))
    starting = lifecycle.start_in_background(failures.append)
    assert begun.wait(10)
    lifecycle.stop(Deadline.after(10))
    starting.join(10)
    assert sorted(recorder.noted) == ["release", "start a", "stop a"]
    assert recorder.noted[-1] == "stop a"
    assert failures == []


def test_stop_before_the_start() -> None:
    """What was stopped first is never started."""
    recorder = Recorder()
    lifecycle = recorder.lifecycle(recorder.part("a"))
    lifecycle.stop(Deadline.after(1))
    lifecycle.start()
    assert recorder.noted == ["release"]


def test_one_failing_stop_keeps_no_other() -> None:
    """A part that fails to stop does not keep the others from it."""
    recorder = Recorder()

    def fail_to_stop(_: Deadline) -> None:
        raise OSError("no")

    lifecycle = recorder.lifecycle(
        recorder.part("a"), Part("b", lambda: None, fail_to_stop), recorder.part("c")
    )
    lifecycle.start()
    lifecycle.stop(Deadline.after(1))
    assert recorder.noted[-2:] == ["stop c", "stop a"]


def test_stops_at_once_are_one() -> None:
    """Two stops at the same time stop each part once."""
    recorder = Recorder()
    lifecycle = recorder.lifecycle(*(recorder.part(str(number)) for number in range(20)))
    lifecycle.start()
    threads = [Thread(target=lifecycle.stop, args=(Deadline.after(5),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    stopped = [note for note in recorder.noted if note.startswith("stop")]
    assert sorted(stopped) == sorted(f"stop {number}" for number in range(20))
