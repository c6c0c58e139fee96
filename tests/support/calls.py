"""A device that gets calls, in a service whose clock the test moves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from bridge.fake import FakeBridge
from bridge.interface import Event
from sessions.call_records import Call
from sessions.call_rules import AutoReject
from sessions.call_states import CallState
from sessions.calls import SettingsChange
from sessions.principals import Principal
from sessions.store import calls as rows
from sessions.store import event_log
from sessions.store.event_log import LogEntry
from sessions.times import to_milliseconds
from tests.support.sessions import Stage, running, soon, wait_until

ANN = "15557000001@s.whatsapp.net"
ANN_LID = "200000000000001@lid"
BOB = "15557000002@s.whatsapp.net"
GROUP = "120363000000000042@g.us"
TEXT = "Can't talk here,\nplease write."
REPLY: dict[str, Any] = {"enabled": True, "text": TEXT}


@dataclass(slots=True)
class Clock:
    """A wall clock that stands until it is moved."""

    present: datetime = datetime(2026, 6, 15, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the present time."""
        return self.present

    def milliseconds(self) -> int:
        """Return the present time as the bridge has it."""
        return to_milliseconds(self.present)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.present += timedelta(seconds=seconds)


@dataclass(slots=True)
class Line:
    """A linked device, and who calls it."""

    stage: Stage
    clock: Clock
    principal: Principal
    device_id: str
    numbers: count[int] = field(default_factory=lambda: count(1))

    @property
    def talk(self) -> Any:
        """What the device has sent."""
        return self.stage.bridge.device(self.device_id).talk

    def configure(
        self, rule: str | None = None, *, allow: Sequence[str] | None = None, **reply: Any
    ) -> None:
        """Change the settings; `reply` are fields of the reply's."""
        calls = self.stage.service.calls
        device = calls.choose(self.principal, self.device_id)
        change = SettingsChange(None if rule is None else AutoReject(rule), allow, reply)
        calls.change_settings(device, change)

    def ring(self, caller: str = ANN, call_id: str | None = None, **fields: Any) -> str:
        """Let somebody call; returns the id of the call once it is known and nothing is due."""
        call_id = call_id or f"C{next(self.numbers)}"
        self.stage.bridge.ring(self.device_id, call_id, caller, **fields)
        self.settle()
        return call_id

    def end(
        self, call_id: str, reason: str | None = None, *, event: str = "call.terminate"
    ) -> None:
        """Let a call end, and wait until that is known."""
        self.stage.bridge.end_call(self.device_id, call_id, ANN, event=event, reason=reason)
        self.settle()

    def settle(self) -> None:
        """Wait until every event is stored, and nothing is due at this time."""
        mark = {"attempt": next(self.numbers)}
        self.stage.bridge.emit(self.event("pairing.expired", **mark))
        wait_until(lambda: mark in self.data("pairing.expired"))
        wait_until(lambda: not self.is_due())

    def event(self, kind: str, **data: Any) -> Event:
        """Make an event of the device."""
        key = (self.principal.tenant_id, self.device_id)
        return Event(*key, kind, self.clock.milliseconds(), data)

    def is_due(self) -> bool:
        """Whether something is to be done now."""
        with self.stage.service._environment.database.read() as transaction:
            return bool(rows.due_calls(transaction, self.device_id, self.clock(), most=1))

    def call(self, call_id: str) -> Call:
        """Return a call."""
        calls = self.stage.service.calls
        return calls.show(calls.choose(self.principal, self.device_id), call_id)

    def reject(self, call_id: str, caller: str | None = None) -> CallState:
        """Reject a call by request."""
        return self.stage.service.calls.reject(
            self.principal, call_id, caller=caller, device_id=self.device_id, deadline=soon()
        )

    def log(self) -> list[LogEntry]:
        """Return the event log."""
        with self.stage.service._environment.database.read() as transaction:
            return event_log.after(transaction, self.device_id, 0, types=(), limit=10_000)

    def data(self, event: str) -> list[Mapping[str, Any]]:
        """Return the data of the entries of a type."""
        return [entry.data for entry in self.log() if entry.event == event]

    def events(self) -> list[str]:
        """Return the types of the entries about calls, in order."""
        return [entry.event for entry in self.log() if entry.event.startswith("call.")]


@contextmanager
def running_by(clock: Clock, path: Path, bridge: FakeBridge | None = None) -> Iterator[Stage]:
    """Run a service by a clock, with a bridge by the same one."""
    bridge = bridge or FakeBridge(now=clock.milliseconds)
    with running(path, bridge, now=clock) as stage:
        yield stage


def open_line(stage: Stage, clock: Clock) -> Line:
    """Link a device of a tenant of its own."""
    principal = stage.register()
    return Line(stage, clock, principal, stage.link(principal))
