"""Where the mirror of a device stands, in the caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session as Transaction

from sessions.observations import CollectionStatus
from sessions.states import CollectionState, DeviceKey, DeviceStatus
from sessions.store.models import Base, DeviceRow, MirroredCollectionRow, MirrorRow


@dataclass(frozen=True, slots=True)
class MirrorHead:
    """How far a device's event log and list are.

    `known`: the collections that were read whole once; `is_complete`: all that the list needs is
    there, and up to date.
    """

    epoch: int = 1
    sequence: int = 0
    revision: int = 0
    known: frozenset[str] = frozenset()
    is_complete: bool = False


_LISTED = frozenset({"regular_high", "regular_low"})
_DEVICES = Base.metadata.tables["devices"]
# Built once: every patch of every device asks.
_IS_MIGRATED = select(_DEVICES.c.lid_migrated).where(_DEVICES.c.id == bindparam("device"))


def find_row(transaction: Transaction, device_id: str) -> MirrorRow:
    """Return the row of a device to work on; it is made if there is none."""
    row = transaction.get(MirrorRow, device_id)
    if row is None:
        row = MirrorRow(
            device_id=device_id, epoch=1, sequence=0, revision=0, has_history=False, account=None
        )
        transaction.add(row)
    return row


def begin_epoch(transaction: Transaction, epoch: int) -> None:
    """Let the log of every device go on in this epoch, or the next one if that is later."""
    for device_id in transaction.scalars(select(DeviceRow.id)).all():
        row = find_row(transaction, device_id)
        row.epoch = max(row.epoch + 1, epoch)


def head(transaction: Transaction, device_id: str) -> MirrorHead:
    """Return where a device's mirror stands."""
    collection = MirroredCollectionRow
    query = (
        select(MirrorRow, collection.name, collection.version, collection.is_stale)
        .outerjoin(collection, collection.device_id == MirrorRow.device_id)
        .where(MirrorRow.device_id == device_id)
    )
    rows = list(transaction.execute(query))
    if not rows:
        return MirrorHead()
    mirror: MirrorRow = rows[0][0]
    known = frozenset(row[1] for row in rows if row[1] and (row[2] or not row[3]))
    current = {row[1] for row in rows if row[1] and not row[3]}
    is_complete = mirror.has_history and current >= _LISTED
    return MirrorHead(mirror.epoch, mirror.sequence, mirror.revision, known, is_complete)


def collections(transaction: Transaction, device_id: str) -> dict[str, MirroredCollectionRow]:
    """Return the collections that were mirrored, by name, to work on."""
    query = select(MirroredCollectionRow).where(MirroredCollectionRow.device_id == device_id)
    return {row.name: row for row in transaction.scalars(query)}


def set_version(transaction: Transaction, device_id: str, name: str, *, version: int) -> None:
    """Note that a collection is mirrored as of a version; one that is stale stays so."""
    row = transaction.get(MirroredCollectionRow, (device_id, name))
    if row is None:
        row = MirroredCollectionRow(device_id=device_id, name=name, is_stale=False)
        transaction.add(row)
    row.version = version


def move_version(transaction: Transaction, device_id: str, name: str, *, version: int) -> None:
    """Note that a collection is mirrored as of a version, if all before it was mirrored."""
    row = transaction.get(MirroredCollectionRow, (device_id, name))
    if row is not None:
        row.version = version


def note_status(transaction: Transaction, device_id: str, collection: CollectionStatus) -> None:
    """Note what a collection says of itself. What it told of a version came before its status.

    Only what the bridge's store had when it was opened may be more than was ever told here: then
    the collection has to be read anew.
    """
    known = transaction.get(MirroredCollectionRow, (device_id, collection.name))
    version = 0 if known is None else known.version
    if collection.is_loaded and collection.version != version:
        set_stale(transaction, device_id, collection.name, stale=True)
    elif known is not None or collection.state is CollectionState.OK:
        set_version(transaction, device_id, collection.name, version=collection.version)


def set_stale(transaction: Transaction, device_id: str, name: str, *, stale: bool) -> None:
    """Note whether a collection has to be read anew."""
    row = transaction.get(MirroredCollectionRow, (device_id, name))
    if row is None:
        row = MirroredCollectionRow(device_id=device_id, name=name, version=0)
        transaction.add(row)
    row.is_stale = stale


def stale_of_connected(transaction: Transaction) -> list[tuple[DeviceKey, str]]:
    """List the collections that have to be read anew, of the devices that can do it now."""
    query = (
        select(DeviceRow.tenant_id, DeviceRow.id, MirroredCollectionRow.name)
        .join(DeviceRow, DeviceRow.id == MirroredCollectionRow.device_id)
        .where(MirroredCollectionRow.is_stale, DeviceRow.status == DeviceStatus.CONNECTED)
    )
    return [(DeviceKey(row[0], row[1]), row[2]) for row in transaction.execute(query)]


def is_lid_migrated(transaction: Transaction, device_id: str) -> bool:
    """Tell whether a device's account calls people by their LIDs."""
    return transaction.scalar(_IS_MIGRATED, {"device": device_id}) is True
