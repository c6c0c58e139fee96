"""Keeps the mirrors true and the logs short.

When the bridge opens a device's store, it tells the version of each collection: where the mirror
reflects another one, something was stored there and not here, and the collection is read anew once
the device is connected. `Upkeep.step` does that and forgets what is too old.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from sessions.chat_list import POSITIONS_LIFE
from sessions.deadline import Deadline
from sessions.environment import Environment
from sessions.errors import ServiceError
from sessions.pair_codes import PERIOD
from sessions.states import Device
from sessions.store import calls, chats, deliveries, event_log, mirrors, pair_codes
from sessions.store import devices as device_rows
from sessions.times import to_milliseconds

LOG_LIFE = timedelta(days=7)
"""For so long events and calls are kept."""
_PRUNE_EVERY = timedelta(minutes=10)
_TRY_EVERY = timedelta(minutes=1)
_SYNC_SECONDS = 60.0

log = structlog.get_logger(__name__)


class Upkeep:
    """Reads anew what is stale, and forgets what is old. One thread at a time."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._tried: dict[tuple[str, str], tuple[datetime, bool]] = {}
        self._prune_at: datetime | None = None

    def step(self) -> None:
        """Do what is due. Raises StorageUnavailable."""
        self._prune()
        with self._environment.database.read() as transaction:
            stale = mirrors.stale_of_connected(transaction)
            devices = [(device_rows.find(transaction, key), name) for key, name in stale]
        for device, name in devices:
            if device is not None:
                self._renew(device, name)

    def _renew(self, device: Device, name: str) -> None:
        now = self._environment.now()
        tried_at, has_worked = self._tried.get((device.id, name), (None, False))
        if tried_at is not None and now < tried_at + _TRY_EVERY:
            return
        self._tried.pop((device.id, name), None)
        if has_worked:
            # It was read, and had nothing to tell.
            with self._environment.database.write() as transaction:
                mirrors.set_stale(transaction, device.id, name, stale=False)
            return
        self._tried[device.id, name] = (now, self._sync(device, name))

    def _sync(self, device: Device, name: str) -> bool:
        try:
            session = self._environment.registry.session_of(device)
            deadline = Deadline.after(_SYNC_SECONDS)
            session.ask("app_state.sync", deadline, collection=name, full=True)
        except ServiceError as error:
            log.warning("collection_not_renewed", device_id=device.id, code=error.code)
            return False
        return True

    def _prune(self) -> None:
        now = self._environment.now()
        if self._prune_at is not None and now < self._prune_at:
            return
        with self._environment.database.write() as transaction:
            event_log.remove_before(transaction, to_milliseconds(now - LOG_LIFE))
            calls.remove_before(transaction, now - LOG_LIFE)
            deliveries.remove_before(transaction, now - LOG_LIFE)
            pair_codes.remove_before(transaction, now - PERIOD)
            chats.forget_positions(transaction, to_milliseconds(now - POSITIONS_LIFE))
        self._prune_at = now + _PRUNE_EVERY
