"""Rows of devices and their collections, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, delete, func, select
from sqlalchemy.orm import Session as Transaction

from bridge.interface import COLLECTIONS
from sessions.observations import AFTER_RESTART, CollectionStatus, Observation
from sessions.paging import Page, PageRequest
from sessions.states import CollectionState, DesiredState, Device, DeviceKey, DeviceStatus
from sessions.store.models import Base, CollectionRow, DeviceRow
from sessions.store.paging import fetch_oldest_first

# States that the server put a device in: connecting again by itself would be wrong, or in vain.
_NOT_RESTORED = frozenset(
    {DeviceStatus.NEW, DeviceStatus.LOGGED_OUT, DeviceStatus.REPLACED, DeviceStatus.BANNED}
)
_DEVICES = Base.metadata.tables["devices"]
# Built once: every batch of events asks.
_EXISTS = select(_DEVICES.c.id).where(
    _DEVICES.c.id == bindparam("device"), _DEVICES.c.tenant_id == bindparam("tenant")
)
_BADNESS = {state.value: badness for badness, state in enumerate(CollectionState)}


def add(transaction: Transaction, device: Device) -> None:
    """Insert a device that nothing was observed of yet."""
    transaction.add(
        DeviceRow(
            id=device.id,
            tenant_id=device.tenant_id,
            user_id=device.user_id,
            name=device.name,
            desired=device.desired,
            status=device.status,
            revision=device.revision,
            created_at=device.created_at,
            updated_at=device.updated_at,
        )
    )
    transaction.flush()


def find(transaction: Transaction, key: DeviceKey) -> Device | None:
    """Find a device of a tenant."""
    row = _find_row(transaction, key)
    return None if row is None else _to_device(row)


def exists(transaction: Transaction, key: DeviceKey) -> bool:
    """Tell whether a tenant has a device."""
    parameters = {"device": key.device_id, "tenant": key.tenant_id}
    return transaction.scalar(_EXISTS, parameters) is not None


def of_user(transaction: Transaction, user_id: str) -> list[Device]:
    """List the devices of a user, oldest first."""
    return _list(transaction, select(DeviceRow).where(DeviceRow.user_id == user_id))


def of_tenant(transaction: Transaction, tenant_id: str) -> list[Device]:
    """List the devices of a tenant, oldest first."""
    return _list(transaction, select(DeviceRow).where(DeviceRow.tenant_id == tenant_id))


def page_of_user(transaction: Transaction, user_id: str, page: PageRequest) -> Page[Device]:
    """List a page of the devices of a user, oldest first."""
    query = select(DeviceRow).where(DeviceRow.user_id == user_id)
    return fetch_oldest_first(transaction, query, model=DeviceRow, page=page, convert=_to_device)


def page_of_tenant(transaction: Transaction, tenant_id: str, page: PageRequest) -> Page[Device]:
    """List a page of the devices of a tenant, oldest first."""
    query = select(DeviceRow).where(DeviceRow.tenant_id == tenant_id)
    return fetch_oldest_first(transaction, query, model=DeviceRow, page=page, convert=_to_device)


def to_restore(transaction: Transaction) -> list[Device]:
    """List the devices of all tenants that should be online and can be."""
    query = select(DeviceRow).where(
        DeviceRow.desired == DesiredState.ONLINE, DeviceRow.status.not_in(_NOT_RESTORED)
    )
    return _list(transaction, query)


def with_status(transaction: Transaction, statuses: Collection[DeviceStatus]) -> list[DeviceKey]:
    """List the devices of all tenants that are observed in one of the statuses."""
    query = select(DeviceRow.tenant_id, DeviceRow.id).where(DeviceRow.status.in_(statuses))
    return [DeviceKey(*row) for row in transaction.execute(query)]


def count_by_status(transaction: Transaction) -> dict[str, int]:
    """Count the devices of all tenants, by what is observed of them."""
    query = select(DeviceRow.status, func.count()).group_by(DeviceRow.status)
    return {row[0]: row[1] for row in transaction.execute(query)}


def set_desired(transaction: Transaction, key: DeviceKey, *, desired: DesiredState) -> None:
    """Note what the owner wants of a device."""
    row = _find_row(transaction, key)
    if row is not None:
        row.desired = desired


def observe(
    transaction: Transaction, key: DeviceKey, *, observation: Observation, at: datetime
) -> None:
    """Note what was observed of a device at that time."""
    row = _find_row(transaction, key)
    if row is not None:
        _observe_row(transaction, row, observation, at=at)


def observe_unless_changed(
    transaction: Transaction, device: Device, *, observation: Observation, at: datetime
) -> None:
    """Note what a reply said, unless something was observed since `device` was read."""
    row = _find_row(transaction, device.key)
    if row is not None and row.revision == device.revision:
        _observe_row(transaction, row, observation, at=at)


def forget_live_states(transaction: Transaction, at: datetime) -> None:
    """Replace what an earlier process observed of connections, which ended with it."""
    for row in transaction.scalars(select(DeviceRow).where(DeviceRow.status.in_(AFTER_RESTART))):
        row.status = AFTER_RESTART[DeviceStatus(row.status)]
        row.reason = None
        row.revision += 1
        row.updated_at = at


def set_collection(
    transaction: Transaction, key: DeviceKey, *, collection: CollectionStatus
) -> CollectionState | None:
    """Note the state of a collection; the device shows the worst one. Returns the one before."""
    row = _find_row(transaction, key)
    if row is None:
        return None
    before = transaction.get(CollectionRow, (row.id, collection.name))
    state = None if before is None else CollectionState(before.state)
    transaction.merge(
        CollectionRow(
            device_id=row.id,
            name=collection.name,
            state=collection.state,
            version=collection.version,
        )
    )
    transaction.flush()
    row.app_state = _worst_state(transaction, row)
    return state


def set_unarchive_chats(transaction: Transaction, device_id: str, value: bool) -> bool:
    """Note whether messages bring archived chats back; returns whether that is news."""
    row = transaction.get_one(DeviceRow, device_id)
    is_news = row.unarchive_chats is not value
    row.unarchive_chats = value
    return is_news


def forget_settings(transaction: Transaction, device_id: str) -> None:
    """Forget the account's settings: the device belongs to another one now."""
    row = transaction.get_one(DeviceRow, device_id)
    row.unarchive_chats = row.lid_migrated = None


def _worst_state(transaction: Transaction, row: DeviceRow) -> str | None:
    query = select(CollectionRow.state).where(CollectionRow.device_id == row.id)
    states = list(transaction.scalars(query))
    if 0 < len(states) < len(COLLECTIONS):
        # Those that have said nothing of themselves have not been read yet.
        states.append(CollectionState.SYNCING)
    return max(states, key=_BADNESS.__getitem__, default=None)


def _observe_row(
    transaction: Transaction, row: DeviceRow, observation: Observation, *, at: datetime
) -> None:
    if observation.jid != row.jid:
        of_device = CollectionRow.device_id == row.id
        transaction.execute(delete(CollectionRow).where(of_device))
    row.status = observation.status
    row.reason = observation.reason
    row.jid = observation.jid
    row.lid = observation.lid
    row.push_name = observation.push_name
    # A picture may have been taken before what the collections have said of themselves since.
    row.app_state = _worst_state(transaction, row) or observation.app_state
    row.last_seen_at = observation.last_seen_at or row.last_seen_at
    row.banned_until = observation.banned_until
    if observation.unarchive_chats is not None:
        row.unarchive_chats = observation.unarchive_chats
    if observation.lid_migrated is not None:
        row.lid_migrated = observation.lid_migrated
    row.revision += 1
    row.updated_at = at


def _find_row(transaction: Transaction, key: DeviceKey) -> DeviceRow | None:
    row = transaction.get(DeviceRow, key.device_id)
    return row if row is not None and row.tenant_id == key.tenant_id else None


def _list(transaction: Transaction, query: Select[Any]) -> list[Device]:
    ordered = query.order_by(DeviceRow.created_at, DeviceRow.id)
    return [_to_device(row) for row in transaction.scalars(ordered)]


def _to_device(row: DeviceRow) -> Device:
    return Device(
        id=row.id,
        tenant_id=row.tenant_id,
        user_id=row.user_id,
        name=row.name,
        desired=DesiredState(row.desired),
        status=DeviceStatus(row.status),
        revision=row.revision,
        created_at=row.created_at,
        updated_at=row.updated_at,
        reason=row.reason,
        jid=row.jid,
        lid=row.lid,
        push_name=row.push_name,
        app_state=CollectionState(row.app_state) if row.app_state else None,
        last_seen_at=row.last_seen_at,
        banned_until=row.banned_until,
        unarchive_chats=row.unarchive_chats,
        lid_migrated=row.lid_migrated,
    )
