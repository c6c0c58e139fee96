"""The list of chats in pages that stay true while the list changes, in the caller's transaction.

A list that is read in pages is read as of the revision at its first page: every chat stands where
it stood then, so that one that moves meanwhile is neither lost nor repeated. What the rows say is
of now. One statement a page, whatever its size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, literal, or_, select, tuple_, union_all
from sqlalchemy.orm import Session as Transaction

from sessions.chat_names import build_needle
from sessions.chat_records import FIELDS, FOREVER, ChatRecord
from sessions.store.models import ChatRow, PastPositionRow, RemovedChatRow

Place = tuple[int, int, str, int]
"""What the list is ordered by: pinned (0) or not (1), minus the newest time, name, id."""

_COLUMNS = [getattr(ChatRow, name) for name in FIELDS]
_ORDER = ("order_pinned", "order_at", "sort_name")


@dataclass(frozen=True, slots=True)
class ChatFilter:
    """Which chats are wanted; None is whatever. Unknown settings count as off."""

    archived: bool | None = None
    pinned: bool | None = None
    muted: bool | None = None
    is_group: bool | None = None
    query: str | None = None
    updated_since: int | None = None


@dataclass(frozen=True, slots=True)
class PlacedChat:
    """A chat and where it stands in the list."""

    place: Place
    record: ChatRecord


def fetch(
    transaction: Transaction, device_id: str, wanted: ChatFilter, *, now: int, limit: int | None
) -> list[PlacedChat]:
    """Fetch the beginning of the list, or all of it."""
    places: list[Any] = [ChatRow.order_pinned, ChatRow.order_at, ChatRow.sort_name, ChatRow.id]
    query = select(*[*places, *_COLUMNS]).where(ChatRow.device_id == device_id)
    return _fetch(transaction, _filter(query, wanted, now).order_by(*places).limit(limit))


def fetch_after(  # noqa: PLR0913 - a page is named by all of these
    transaction: Transaction,
    device_id: str,
    wanted: ChatFilter,
    *,
    revision: int,
    place: Place,
    now: int,
    limit: int | None,
) -> list[PlacedChat]:
    """Fetch what stood behind a place as of a revision of the list."""
    placed = _places(device_id, revision).subquery()
    columns = [placed.c[name] for name in (*_ORDER, "id")]
    query = select(*columns, *_COLUMNS).join(ChatRow, ChatRow.id == placed.c.id)
    query = query.where(tuple_(*columns) > tuple_(*(literal(part) for part in place)))
    return _fetch(transaction, _filter(query, wanted, now).order_by(*columns).limit(limit))


def removed_since(transaction: Transaction, device_id: str, since: int) -> Sequence[str]:
    """List the chats that were there and have been removed since a time."""
    query = select(RemovedChatRow.jid).where(
        RemovedChatRow.device_id == device_id, RemovedChatRow.removed_at >= since
    )
    return transaction.scalars(query.order_by(RemovedChatRow.jid)).all()


def _places(device_id: str, revision: int) -> Any:
    present = select(ChatRow.id, *(getattr(ChatRow, name) for name in _ORDER)).where(
        ChatRow.device_id == device_id, ChatRow.placed_revision <= revision
    )
    past = select(
        PastPositionRow.chat_id, *(getattr(PastPositionRow, name) for name in _ORDER)
    ).where(
        PastPositionRow.device_id == device_id,
        PastPositionRow.from_revision <= revision,
        PastPositionRow.until_revision > revision,
    )
    return union_all(present, past)


def _filter(query: Select[Any], wanted: ChatFilter, now: int) -> Select[Any]:
    conditions: list[ColumnElement[bool]] = [ChatRow.listed.is_(True)]
    if wanted.archived is not None:
        conditions.append(func.coalesce(ChatRow.archived, False).is_(wanted.archived))
    if wanted.pinned is not None:
        conditions.append(func.coalesce(ChatRow.pinned, False).is_(wanted.pinned))
    if wanted.muted is not None:
        until = func.coalesce(ChatRow.muted_until, 0)
        is_muted = or_(until == FOREVER, until > now)
        conditions.append(is_muted if wanted.muted else ~is_muted)
    if wanted.is_group is not None:
        is_group = ChatRow.jid.endswith("@g.us")
        conditions.append(is_group if wanted.is_group else ~is_group)
    if wanted.query is not None:
        needle = build_needle(wanted.query)
        conditions.append(ChatRow.search.contains(needle, autoescape=True))
    if wanted.updated_since is not None:
        conditions.append(ChatRow.updated_at >= wanted.updated_since)
    return query.where(and_(*conditions))


def _fetch(transaction: Transaction, query: Select[Any]) -> list[PlacedChat]:
    return [
        PlacedChat((row[0], row[1], row[2], row[3]), ChatRecord(*row[4:]))
        for row in transaction.execute(query)
    ]
