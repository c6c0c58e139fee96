"""The use cases that read chats: the list, and one of them. They answer from the mirror alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sessions.addressing import resolve_chat
from sessions.chat_names import NameSource, choose_name, format_number
from sessions.chat_records import FOREVER, ChatRecord
from sessions.devices import Devices
from sessions.environment import Environment
from sessions.errors import ChatNotFound, CursorExpired
from sessions.jid import phone_number_of
from sessions.paging import Page, Position
from sessions.principals import Principal
from sessions.states import Device
from sessions.store import chat_pages, mirrors
from sessions.store import chats as rows
from sessions.store.chat_pages import ChatFilter, PlacedChat
from sessions.store.mirrors import MirrorHead
from sessions.times import END_OF_TIME, from_milliseconds, to_milliseconds

CURSOR_LIFE = timedelta(hours=1)
"""For so long a list that is read in pages can be read on."""
POSITIONS_LIFE = 2 * CURSOR_LIFE


class ChatType(StrEnum):
    """What a chat is with."""

    CONTACT = "contact"
    GROUP = "group"


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat as it is shown; None is unknown. `participant_count` of a person is 0."""

    jid: str
    type: ChatType
    name: str | None
    name_source: NameSource | None
    pinned: bool | None
    archived: bool | None
    muted: bool | None
    muted_until: datetime | None
    muted_forever: bool | None
    participant_count: int | None
    lid: str | None
    phone_number: str | None
    last_message_at: datetime | None


@dataclass(frozen=True, slots=True)
class ChatQuery:
    """Which chats, and which part of the list. `limit` None: as far as it goes."""

    filter: ChatFilter = field(default_factory=ChatFilter)
    limit: int | None = None
    after: Position | None = None


@dataclass(frozen=True, slots=True)
class ChatPage:
    """A page of chats in order. `removed` None: nobody asked what was removed."""

    page: Page[Chat]
    is_complete: bool
    removed: Sequence[str] | None = None


class ChatList:
    """Reads the mirror of a device; a list is of one device, which `choose` finds before."""

    def __init__(self, environment: Environment, devices: Devices) -> None:
        self._environment = environment
        self._devices = devices

    def choose(self, principal: Principal, device_id: str | None) -> Device:
        """Return the device whose chats are meant. Raises what `Devices.choose` raises."""
        return self._devices.choose(principal, device_id)

    def list(self, device: Device, query: ChatQuery) -> ChatPage:
        """List the chats: pinned ones first, then by the newest message, then by name.

        Raises CursorExpired for a list that was begun too long ago, and InvalidInput.
        """
        now = to_milliseconds(self._environment.now())
        since = query.filter.updated_since
        with self._environment.database.read() as transaction:
            head = mirrors.head(transaction, device.id)
            more = None if query.limit is None else query.limit + 1
            if query.after is None:
                revision, begun_at = head.revision, now
                found = chat_pages.fetch(transaction, device.id, query.filter, now=now, limit=more)
            else:
                revision, begun_at, place = _read_position(query.after, now)
                found = chat_pages.fetch_after(
                    transaction,
                    device.id,
                    query.filter,
                    revision=revision,
                    place=place,
                    now=now,
                    limit=more,
                )
            removed = None
            if since is not None and query.after is None:
                removed = chat_pages.removed_since(transaction, device.id, since)
        shown = found[: query.limit]
        following = None
        if len(found) > len(shown):
            following = _to_position(revision, begun_at, shown[-1])
        items = [to_chat(placed.record, head, now) for placed in shown]
        return ChatPage(Page(items, following), head.is_complete, removed)

    def show(self, device: Device, text: str) -> Chat:
        """Return the chat that a JID or a number names. Raises ChatNotFound, InvalidInput."""
        now = to_milliseconds(self._environment.now())
        with self._environment.database.read() as transaction:
            jid = resolve_chat(transaction, device.id, text)
            stored = rows.find(transaction, device.id, jid)
            if stored is None or not stored.record.is_listed:
                raise ChatNotFound
            return to_chat(stored.record, mirrors.head(transaction, device.id), now)


def to_chat(record: ChatRecord, head: MirrorHead, now: int) -> Chat:
    """Return a record as it is shown. A setting that a collection read whole lacks is off."""
    name, source = choose_name(record.names, record.jid) or (None, None)
    muted_until = _known(record.muted_until, "regular_high", head)
    is_forever = muted_until == FOREVER
    is_muted = None if muted_until is None else is_forever or muted_until > now
    return Chat(
        jid=record.jid,
        type=ChatType.GROUP if record.is_group else ChatType.CONTACT,
        name=format_number(name) if name and source is NameSource.NUMBER else name,
        name_source=source,
        pinned=_flag(record.pinned, head),
        archived=_flag(record.archived, head),
        muted=is_muted,
        muted_until=_end_of(muted_until) if muted_until and is_muted else None,
        muted_forever=None if is_muted is None else is_forever,
        participant_count=record.participant_count if record.is_group else 0,
        lid=record.lid,
        phone_number=phone_number_of(record.jid),
        last_message_at=_time(record.last_message_at),
    )


def _time(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else from_milliseconds(milliseconds)


def _end_of(muted_until: int) -> datetime:
    return END_OF_TIME if muted_until == FOREVER else from_milliseconds(muted_until)


def _flag(value: bool | None, head: MirrorHead) -> bool | None:
    known = _known(value, "regular_low", head)
    return None if known is None else bool(known)


def _known(value: int | None, collection: str, head: MirrorHead) -> int | None:
    return 0 if value is None and collection in head.known else value


def _to_position(revision: int, begun_at: int, last: PlacedChat) -> Position:
    return revision, json.dumps([begun_at, *last.place], ensure_ascii=False)


def _read_position(position: Position, now: int) -> tuple[int, int, chat_pages.Place]:
    revision, text = position
    begun_at, pinned, at, name, chat_id = json.loads(text)
    if now - begun_at > CURSOR_LIFE // timedelta(milliseconds=1):
        raise CursorExpired("that list was begun too long ago: begin it anew")
    return revision, begun_at, (pinned, at, name, chat_id)
