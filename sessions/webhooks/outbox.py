"""Which devices have webhooks, and that something is to be sent for one of them.

The event log is the outbox: an event is to be sent once its transaction is committed, and until
the position of the device's webhook has passed it.
"""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from sessions.errors import StorageUnavailable
from sessions.store import webhooks as rows
from sessions.store.database import Database
from sessions.store.webhooks import Backlog
from sessions.times import WallClock
from sessions.webhooks.agenda import Agenda, Turn

log = structlog.get_logger(__name__)


class Outbox:
    """Puts devices on the agenda of the senders. Any thread may call it."""

    def __init__(self, database: Database, agenda: Agenda, now: WallClock) -> None:
        self._database = database
        self._agenda = agenda
        self._now = now
        self._tenants: Mapping[str, str] = {}
        self._state: object = None

    def wake(self, device_id: str) -> None:
        """Have events of a device sent, if it has a webhook."""
        self.refresh()
        if device_id in self._tenants:
            self._agenda.add(self._turn(device_id))

    def hasten(self, device_id: str) -> None:
        """Have events of a device sent now, whatever is waited for."""
        self.refresh()
        if device_id in self._tenants:
            self._agenda.hasten(self._turn(device_id))

    def backlog(self) -> Backlog:
        """Return what is still to be sent. Raises StorageUnavailable."""
        with self._database.read() as transaction:
            return rows.backlog(transaction, self._agenda.devices())

    def refresh(self) -> None:
        """Find out which devices have webhooks, and put what is to be sent on the agenda.

        Does nothing while no webhook has changed.
        """
        state = self._database.membership
        if self._state is state:
            return
        try:
            with self._database.read() as transaction:
                found = rows.enabled(transaction)
        except StorageUnavailable:
            # The next one who comes tries again.
            log.warning("webhooks_not_read")
            return
        self._tenants = {webhook.device_id: webhook.tenant_id for webhook in found}
        self._state = state
        for webhook in found:
            if webhook.has_work:
                due_at = webhook.next_at or self._now()
                is_failing = webhook.is_failing
                self._agenda.add(
                    Turn(webhook.device_id, webhook.tenant_id, due_at, is_failing=is_failing)
                )

    def _turn(self, device_id: str) -> Turn:
        return Turn(device_id, self._tenants[device_id], self._now())
