"""The threads that send. `Sender.step` gives one device its round; `Senders` repeat it."""

from __future__ import annotations

from datetime import timedelta

from sessions.deadline import Deadline
from sessions.parts import Repeater
from sessions.webhooks.agenda import PLACES, Agenda
from sessions.webhooks.outbox import Outbox
from sessions.webhooks.rounds import Rest, Tools, run_round

_LONGEST_WAIT = 0.5
# Receivers may hang for longer than a stop may take; what they took is sent again.
_STOP_SECONDS = 2.0
_AFTER_TROUBLE = timedelta(seconds=5)


class Sender:
    """Gives devices their rounds. Any number of threads may step at once."""

    def __init__(self, agenda: Agenda, tools: Tools) -> None:
        self._agenda = agenda
        self._tools = tools

    def step(self) -> bool:
        """Give a device its round; returns False when none is due. Raises StorageUnavailable."""
        turn = self._agenda.take(self._tools.now())
        if turn is None:
            return False
        rest = Rest(self._tools.now() + _AFTER_TROUBLE)
        try:
            rest = run_round(self._tools, turn.device_id)
        finally:
            now = self._tools.now()
            self._agenda.finish(turn, now, due_at=rest.due_at, is_failing=rest.is_failing)
        return True

    def wait(self, longest: float) -> None:
        """Block until a round is due or something changes, at most for so many seconds."""
        self._agenda.wait(self._tools.now(), longest)

    def wake(self) -> None:
        """End the present waits."""
        self._agenda.wake()


class Senders:
    """Repeats the sender's step in several threads."""

    def __init__(self, sender: Sender, outbox: Outbox) -> None:
        self._sender = sender
        self._outbox = outbox
        self._threads = [
            Repeater(f"sender-{number}", self._step, pause=0) for number in range(PLACES)
        ]

    def start(self) -> None:
        """Take up what an earlier process has left, and start the threads."""
        self._outbox.refresh()
        for thread in self._threads:
            thread.start()

    def stop(self, deadline: Deadline) -> None:
        """End the threads; one that still waits for a receiver then is left to itself."""
        patience = Deadline.after(min(_STOP_SECONDS, deadline.remaining()))
        for thread in self._threads:
            thread.stop(Deadline.after(0))
        self._sender.wake()
        for thread in self._threads:
            thread.stop(patience)

    def _step(self) -> None:
        if not self._sender.step():
            self._sender.wait(_LONGEST_WAIT)
