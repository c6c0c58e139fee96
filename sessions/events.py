"""What the bridge's events change in the database.

An event is read first (`read_event`, pure) and applied afterwards, in a transaction. One whose type
has no effect here only wakes those who wait for news.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from types import MappingProxyType

from sqlalchemy.orm import Session as Transaction

from bridge.interface import Event
from sessions.observations import CollectionStatus, Observation
from sessions.states import DeviceKey
from sessions.store import devices as rows
from sessions.times import from_milliseconds

Effect = Callable[[Transaction], None]
"""Applies an event, in the transaction that it is given."""


def read_event(event: Event, started_at: datetime) -> Effect:
    """Return what an event does to the database.

    `started_at` is when this process began: an event from before it says nothing about a connection
    of now. Raises KeyError, TypeError or ValueError when the event makes no sense.
    """
    return _READERS.get(event.type, _read_nothing)(event, started_at)


def _read_status(event: Event, started_at: datetime) -> Effect:
    at = from_milliseconds(event.at)
    observation = Observation.from_bridge(event.data)
    if at < started_at:
        observation = observation.after_restart()
    return partial(rows.observe, key=_key(event), observation=observation, at=at)


def _read_collection(event: Event, _started_at: datetime) -> Effect:
    collection = CollectionStatus.from_event(event.data)
    return partial(rows.set_collection, key=_key(event), collection=collection)


def _read_nothing(_event: Event, _started_at: datetime) -> Effect:
    return lambda _transaction: None


def _key(event: Event) -> DeviceKey:
    return DeviceKey(event.tenant_id, event.device_id)


_READERS: Mapping[str, Callable[[Event, datetime], Effect]] = MappingProxyType(
    {"device.status": _read_status, "app_state.status": _read_collection}
)
