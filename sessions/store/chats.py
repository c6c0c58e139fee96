"""Rows of chats, their past positions and pairs of LIDs, in the caller's transaction.

Everything works in batches with Core statements: thousands of events a second pass through here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Select, bindparam, delete, insert, or_, select, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.orm import Session as Transaction

from sessions.chat_records import FIELDS, ChatRecord
from sessions.store.models import Base, ChatRow, PairRow, PastPositionRow, RemovedChatRow

T = TypeVar("T")

_CHUNK = 400
_DERIVED = ("placed_revision", "updated_at", "listed", "order_pinned", "order_at", "sort_name")
_WRITTEN = (*FIELDS, *_DERIVED, "search")
_CHATS = Base.metadata.tables["chats"]
_PAIRS = Base.metadata.tables["lid_pairs"]
_LOADED = select(_CHATS.c.id, _CHATS.c.placed_revision, *(_CHATS.c[name] for name in FIELDS)).where(
    _CHATS.c.device_id == bindparam("device")
)
# Built once: that takes as long as executing them does, and these are executed all the time.
_LOAD_NAMED = _LOADED.where(
    or_(
        _CHATS.c.jid.in_(bindparam("jids", expanding=True)),
        _CHATS.c.lid.in_(bindparam("jids", expanding=True)),
    )
)
_LOAD_PAIRS = select(_PAIRS.c.lid, _PAIRS.c.pn).where(
    _PAIRS.c.device_id == bindparam("device"),
    or_(
        _PAIRS.c.lid.in_(bindparam("jids", expanding=True)),
        _PAIRS.c.pn.in_(bindparam("jids", expanding=True)),
    ),
)
_UPDATE = (
    update(_CHATS)
    .where(_CHATS.c.id == bindparam("the_id"))
    .values({name: bindparam(name) for name in _WRITTEN})
)


@dataclass(frozen=True, slots=True)
class StoredChat:
    """A record with its id, and since which revision it stands where it is in the list."""

    id: int
    placed_revision: int
    record: ChatRecord


def load(transaction: Transaction, device_id: str, jids: Iterable[str]) -> Iterator[StoredChat]:
    """Load the chats that any of the JIDs names, as number, LID or group."""
    for chunk in _in_chunks(jids):
        yield from _load(transaction, _LOAD_NAMED, device=device_id, jids=chunk)


def load_members(transaction: Transaction, device_id: str) -> Iterator[StoredChat]:
    """Load the groups that the account is in."""
    return _load(transaction, _LOADED.where(_CHATS.c.is_member.is_(True)), device=device_id)


def load_known(
    transaction: Transaction, device_id: str, fields: Iterable[str]
) -> Iterator[StoredChat]:
    """Load the chats of which app state has said something of any of these settings."""
    known = [_CHATS.c[f"{field}_at"].is_not(None) for field in fields]
    return _load(transaction, _LOADED.where(or_(*known)), device=device_id)


def find(transaction: Transaction, device_id: str, jid: str) -> StoredChat | None:
    """Find the chat that a JID names."""
    return next(load(transaction, device_id, [jid]), None)


def add(transaction: Transaction, device_id: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert chats; each row has every column but those of the device and the id."""
    if rows:
        transaction.execute(insert(_CHATS), [{**row, "device_id": device_id} for row in rows])


def store(transaction: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write chats over; each row has every column but the device's, and the id as `the_id`."""
    if rows:
        transaction.connection().execute(_UPDATE, rows)


def remove(transaction: Transaction, ids: Sequence[int]) -> None:
    """Delete chats with their past positions."""
    for chunk in _in_chunks(ids):
        positions = delete(PastPositionRow).where(PastPositionRow.chat_id.in_(chunk))
        transaction.execute(positions)
        transaction.execute(delete(ChatRow).where(ChatRow.id.in_(chunk)))


def free_names(transaction: Transaction, ids: Sequence[int]) -> None:
    """Let other chats take over the JIDs and LIDs of these, which are written over afterwards."""
    for chunk in _in_chunks(ids):
        transaction.execute(
            update(ChatRow)
            .where(ChatRow.id.in_(chunk))
            .values(jid="moving " + ChatRow.jid, lid=None)
            .execution_options(synchronize_session=False)
        )


def add_positions(transaction: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    """Note where chats stood before they moved."""
    if rows:
        transaction.execute(insert(Base.metadata.tables["past_positions"]), rows)


def forget_positions(transaction: Transaction, before: int) -> None:
    """Forget the positions that were left before a time."""
    transaction.execute(delete(PastPositionRow).where(PastPositionRow.moved_at < before))


def note_removed(transaction: Transaction, device_id: str, jids: Iterable[str], *, at: int) -> None:
    """Note chats that are no longer listed."""
    rows = [{"device_id": device_id, "jid": jid, "removed_at": at} for jid in jids]
    if rows:
        statement = upsert(Base.metadata.tables["removed_chats"])
        again = {"removed_at": statement.excluded.removed_at}
        transaction.execute(statement.on_conflict_do_update(None, set_=again), rows)


def note_back(transaction: Transaction, device_id: str, jids: Iterable[str]) -> None:
    """Note chats that are listed again."""
    for chunk in _in_chunks(jids):
        transaction.execute(
            delete(RemovedChatRow).where(
                RemovedChatRow.device_id == device_id, RemovedChatRow.jid.in_(chunk)
            )
        )


def load_pairs(
    transaction: Transaction, device_id: str, jids: Iterable[str]
) -> Iterator[tuple[str, str]]:
    """Load the pairs, as LID and number, of which either is among the JIDs."""
    for chunk in _in_chunks(jids):
        found = transaction.execute(_LOAD_PAIRS, {"device": device_id, "jids": chunk})
        yield from ((row[0], row[1]) for row in found)


def store_pairs(
    transaction: Transaction,
    device_id: str,
    pairs: Mapping[str, str],
    *,
    gone: Iterable[str],
) -> None:
    """Delete the pairs of the LIDs that are gone, then write pairs of LID and number."""
    for chunk in _in_chunks((*gone, *pairs)):
        named = PairRow.lid.in_(chunk)
        transaction.execute(delete(PairRow).where(PairRow.device_id == device_id, named))
    rows = [{"device_id": device_id, "lid": lid, "pn": pn} for lid, pn in pairs.items()]
    if rows:
        transaction.execute(insert(_PAIRS), rows)


def erase(transaction: Transaction, device_id: str, *, at: int) -> None:
    """Delete all chats and pairs of a device, which is linked to another account now."""
    listed = select(ChatRow.jid).where(ChatRow.device_id == device_id, ChatRow.listed)
    note_removed(transaction, device_id, transaction.scalars(listed).all(), at=at)
    for model in (PastPositionRow, ChatRow, PairRow):
        transaction.execute(delete(model).where(model.device_id == device_id))


def to_row(record: ChatRecord, *, placed_revision: int, updated_at: int) -> dict[str, Any]:
    """Return the columns of a record, with those that are derived from it."""
    order_pinned, order_at, sort_name = record.order()
    return {
        **dict(zip(FIELDS, record.values(), strict=True)),
        "placed_revision": placed_revision,
        "updated_at": updated_at,
        "listed": record.is_listed,
        "order_pinned": order_pinned,
        "order_at": order_at,
        "sort_name": sort_name,
        "search": record.search(),
    }


def _load(transaction: Transaction, query: Select[Any], **parameters: Any) -> Iterator[StoredChat]:
    for row in transaction.execute(query, parameters):
        yield StoredChat(row[0], row[1], ChatRecord(*row[2:]))


def _in_chunks(items: Iterable[T]) -> Iterator[list[T]]:
    """Cut what goes into one statement to a size that every database takes."""
    rest = iter(items)
    while chunk := list(islice(rest, _CHUNK)):
        yield chunk
