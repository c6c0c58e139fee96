"""One round of deliveries for one device: read some events, send them in order, note the outcomes.

Nothing is locked and no transaction is open while a receiver is waited for. A process that ends in
between has noted nothing, and the next one sends the same events, with the same ids.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session as Transaction

from sessions.metrics import Metrics
from sessions.mirror import Mirror
from sessions.registry import Registry
from sessions.store import deliveries, event_log, mirrors
from sessions.store import webhooks as rows
from sessions.store.database import Database
from sessions.store.event_log import LogEntry
from sessions.times import WallClock, to_milliseconds, to_rfc3339
from sessions.vault import Vault
from sessions.webhooks import schedule
from sessions.webhooks.messages import build_message
from sessions.webhooks.posting import Line, Lines
from sessions.webhooks.values import (
    GONE,
    NO_SUCCESS,
    Delivery,
    DeliveryStatus,
    Outcome,
    Queue,
    Webhook,
)

_MOST = 25
_SECONDS = 1.0
_GONE_STATUS = 410
# So many events that a webhook does not want are passed by before that is noted.
_UNNOTED = 500


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be sent: `again` because somebody asked for it, `entries` because they are new."""

    webhook: Webhook
    queue: Queue
    again: Sequence[LogEntry]
    entries: Sequence[LogEntry]
    newest: int


@dataclass(frozen=True, slots=True)
class Rest:
    """When a device has its next round (None: when something happens), and how its receiver is."""

    due_at: datetime | None
    is_failing: bool = False


@dataclass(frozen=True, slots=True)
class Tools:
    """What rounds work with. `spread` gives random numbers from -1 to 1."""

    database: Database
    registry: Registry
    lines: Lines
    vault: Vault
    now: WallClock
    spread: Callable[[], float]
    metrics: Metrics


def run_round(tools: Tools, device_id: str) -> Rest:
    """Send some of a device's events. Raises StorageUnavailable.

    Any number of threads may do it at once, but one at a time for a device.
    """
    with tools.database.read() as transaction:
        work = _read(transaction, device_id)
    if work is None:
        return Rest(None)
    sending = Round(tools, work)
    sending.run()
    if not sending.note():
        return Rest(tools.now())
    is_failing = sending.queue.failing_since is not None
    if sending.reason is not None or not sending.has_more:
        return Rest(None, is_failing)
    return Rest(sending.queue.next_at or tools.now(), is_failing)


def _read(transaction: Transaction, device_id: str) -> Work | None:
    """Read what is to be sent for a device; None when its events go nowhere."""
    webhook = rows.find(transaction, device_id)
    queue = rows.find_queue(transaction, device_id)
    if webhook is None or queue is None or not webhook.enabled:
        return None
    asked = deliveries.queued(transaction, device_id, most=_MOST)
    again = event_log.with_sequences(transaction, device_id, asked)
    types = webhook.events or ()
    entries = event_log.after(transaction, device_id, queue.position, types=types, limit=_MOST)
    newest = mirrors.head(transaction, device_id).sequence
    return Work(webhook, queue, again, entries, newest)


class Round:
    """The round of a device. `queue` is how far it has come, `reason` why it is disabled."""

    def __init__(self, tools: Tools, work: Work) -> None:
        self.queue = work.queue
        self.reason: str | None = None
        self.has_more = False
        self._tools = tools
        self._work = work
        self._done: list[Delivery] = []
        self._until = time.monotonic() + _SECONDS

    def run(self) -> None:
        """Send until something is not taken, or the round has taken long enough."""
        work = self._work
        if work.again or work.entries:
            with self._tools.lines.open(work.webhook.url) as line:
                self.has_more = not self._send_all(line)
        elif work.newest - self.queue.position > _UNNOTED:
            self.queue = replace(self.queue, position=work.newest)

    def note(self) -> bool:
        """Write down what became of the events.

        Returns False when the owner has changed what is to be sent meanwhile.
        """
        if not self._done and self.queue == self._work.queue:
            return True
        device_id = self._work.webhook.device_id
        with self._tools.database.write() as transaction:
            present = rows.find_queue(transaction, device_id)
            if present is None:
                return False
            deliveries.record(transaction, device_id, self._done)
            if present != self._work.queue:
                return False
            rows.put_queue(transaction, device_id, self.queue)
            is_disabled = self.reason is not None and self._disable(transaction, self.reason)
        if is_disabled:
            self._tools.registry.notify(device_id)
        return True

    def _send_all(self, line: Line) -> bool:
        """Send in order; returns whether everything that was there is sent."""
        for entry in self._work.again:
            if not self._repeat(line, entry) or self._is_late:
                return False
        for entry in self._work.entries:
            if self._must_wait or not self._deliver(line, entry) or self._is_late:
                return False
        return len(self._work.entries) < _MOST

    @property
    def _is_late(self) -> bool:
        return time.monotonic() >= self._until

    @property
    def _must_wait(self) -> bool:
        return self.queue.next_at is not None and self.queue.next_at > self._tools.now()

    def _deliver(self, line: Line, entry: LogEntry) -> bool:
        """Send the event behind the position; returns whether it was taken."""
        outcome = self._post(line, entry)
        if outcome.is_success:
            self.queue = schedule.after_success(entry.sequence)
            status = DeliveryStatus.DELIVERED
        else:
            self.queue, status = schedule.after_failure(
                self.queue,
                entry.sequence,
                retry_attempts=self._work.webhook.retry_attempts,
                now=self._tools.now(),
                spread=self._tools.spread(),
            )
            if schedule.is_hopeless(self.queue, self._tools.now()):
                self.reason = self.reason or NO_SUCCESS
        self._keep(entry, status, outcome)
        seconds = (to_milliseconds(self._tools.now()) - entry.at) / 1000
        self._tools.metrics.count_settled(status, seconds)
        return outcome.is_success

    def _repeat(self, line: Line, entry: LogEntry) -> bool:
        """Send an event again that is settled; returns whether it was taken."""
        outcome = self._post(line, entry)
        status = DeliveryStatus.DELIVERED if outcome.is_success else DeliveryStatus.FAILED
        if outcome.is_success:
            # The receiver is back: what waits need not wait any longer.
            self.queue = replace(self.queue, next_at=None, failing_since=None, is_exhausted=False)
        self._keep(entry, status, outcome)
        return outcome.is_success

    def _post(self, line: Line, entry: LogEntry) -> Outcome:
        webhook = self._work.webhook
        message = build_message(entry, webhook, vault=self._tools.vault, now=self._tools.now())
        outcome = line.post(message, webhook.timeout)
        if outcome.http_status == _GONE_STATUS:
            self.reason = GONE
        self._tools.metrics.count_delivery(outcome)
        return outcome

    def _keep(self, entry: LogEntry, status: DeliveryStatus, outcome: Outcome) -> None:
        self._done.append(
            Delivery(
                id=entry.id,
                event=entry.event,
                sequence=entry.sequence,
                status=status,
                attempts=1,
                attempted_at=self._tools.now(),
                outcome=outcome,
            )
        )

    def _disable(self, transaction: Transaction, reason: str) -> bool:
        """Send nothing more, and log that, unless the owner has changed the webhook meanwhile."""
        before = rows.find(transaction, self._work.webhook.device_id)
        if before != self._work.webhook:
            return False
        now = self._tools.now()
        at = to_milliseconds(now)
        disabled = replace(before, enabled=False, disabled_reason=reason, disabled_at=now)
        rows.put(transaction, disabled)
        mirror = Mirror(transaction, before.device_id, jids=(), now=at)
        mirror.log("webhook.disabled", {"reason": reason, "at": to_rfc3339(at)}, at=at)
        mirror.write()
        return True
