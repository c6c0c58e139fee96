"""The use case of the event log: reading it, and waiting for what comes next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session as Transaction

from sessions.deadline import Deadline
from sessions.devices import Devices
from sessions.environment import Environment
from sessions.errors import CursorExpired
from sessions.principals import Principal
from sessions.states import Device
from sessions.store import event_log as rows
from sessions.store import mirrors
from sessions.store.event_log import LogEntry
from sessions.store.mirrors import MirrorHead


@dataclass(frozen=True, slots=True)
class LogPage:
    """Entries in order, and the sequence that was read up to."""

    entries: Sequence[LogEntry]
    next_after: int
    epoch: int


@dataclass(frozen=True, slots=True)
class LogQuery:
    """What is wanted: entries behind a sequence, of some types or (without) of all.

    `epoch` is that of the log in which the sequence was; None: of the log as it is now.
    """

    after: int
    types: Sequence[str]
    limit: int
    epoch: int | None = None


class EventLog:
    """Reads the event logs of devices. What is older than the log, or newer, is CursorExpired."""

    def __init__(self, environment: Environment, devices: Devices) -> None:
        self._environment = environment
        self._devices = devices

    def list(  # noqa: PLR0913 - one name for each part of the request
        self,
        principal: Principal,
        device_id: str | None,
        *,
        after: int,
        types: Sequence[str],
        limit: int,
        wait: Deadline,
    ) -> LogPage:
        """List entries, after waiting for one if there is none and a slot to wait in is free.

        Raises what `Devices.choose` raises.
        """
        query = LogQuery(after, types, limit)
        device = self._devices.choose(principal, device_id)
        page = self.read(device, query)
        if page.entries or wait.expired:
            return page
        with self._environment.admission.poll(principal.user_id) as may_wait:
            return self._wait(device, query, wait) if may_wait else page

    def read(self, device: Device, query: LogQuery) -> LogPage:
        """Return what there is now. Raises CursorExpired."""
        with self._environment.database.read() as transaction:
            head = read_head(transaction, device.id, query.after, epoch=query.epoch)
            entries = rows.after(
                transaction, device.id, query.after, types=query.types, limit=query.limit
            )
        is_full = len(entries) == query.limit
        return LogPage(entries, entries[-1].sequence if is_full else head.sequence, head.epoch)

    def _wait(self, device: Device, query: LogQuery, wait: Deadline) -> LogPage:
        session = self._environment.registry.session_of(device)
        while True:
            seen = session.news
            page = self.read(device, query)
            if page.entries or not session.wait_for_news(seen, wait):
                return page


def read_head(
    transaction: Transaction, device_id: str, after: int, *, epoch: int | None = None
) -> MirrorHead:
    """Return where a device's log stands, if it reaches back to `after` (0: however far it does).

    Raises CursorExpired, also for another epoch than the present one.
    """
    head = mirrors.head(transaction, device_id)
    oldest = rows.oldest(transaction, device_id) or head.sequence + 1
    is_other = epoch not in (None, head.epoch)
    if is_other or (after and not oldest - 1 <= after <= head.sequence):
        raise CursorExpired(oldest=oldest, latest=head.sequence)
    return head
