"""What changes of the app state change in the mirror of a device's chats.

A collection that is read anew says what is, not what happened: where that differs from the mirror,
something was missed, and the difference is an event with the cause `reconciled`. What the first
reading of a collection says is no event.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sessions.app_state_changes import SETTINGS_OF, UNARCHIVE_CHATS, Change
from sessions.chat_records import FOREVER, ChatRecord
from sessions.mirror import Mirror
from sessions.times import END_OF_TIME, to_milliseconds, to_rfc3339

_EVENTS: Mapping[str, str] = MappingProxyType(
    {
        "archived": "chat.archive",
        "pinned": "chat.pin",
        "muted_until": "chat.mute",
        "read": "chat.mark_as_read",
    }
)


def apply_change(mirror: Mirror, change: Change, cause: str | None) -> None:
    """Take over one change. Without a cause it is no event."""
    setting, jid = change.setting(), change.jid
    if setting is not None and jid is not None:
        _set(mirror, change, jid, setting=setting, cause=cause)
    elif change.kind == "deleteChat" and jid is not None and not change.is_removal:
        _delete(mirror, jid, change)


def apply_whole(mirror: Mirror, changes: Sequence[Change], cause: str | None) -> None:
    """Take over a collection that was read anew; what is not in it is off."""
    mirror.load({jid for change in changes if (jid := change.jid) is not None})
    told: set[tuple[int, str]] = set()
    for change in sorted(changes, key=lambda change: change.at):
        setting, jid = change.setting(), change.jid
        if setting is not None and jid is not None and not change.is_removal:
            apply_change(mirror, change, cause)
            told.add((id(mirror.obtain(jid)), setting[0]))
    fields = SETTINGS_OF.get(changes[0].collection, ())
    for chat in mirror.known(fields):
        for field in fields:
            is_told = (id(chat), field) in told
            if not is_told and getattr(chat, f"{field}_at") is not None:
                _clear(mirror, chat, field, cause=cause)


def log_setting(mirror: Mirror, chat: ChatRecord, field: str, *, at: int, cause: str) -> None:
    """Append what a setting of a chat is now to the log; names are no settings there."""
    event = _EVENTS.get(field)
    if event is not None:
        mirror.log_chat(event, chat, at=at, **_describe(chat, field), cause=cause)


def find_unarchive_chats(changes: Sequence[Change]) -> bool | None:
    """Return what changes say of whether messages bring archived chats back; None: nothing."""
    said = [
        bool(change.value.get("unarchiveChatsSetting", {}).get("unarchiveChats", False))
        for change in changes
        if change.kind == UNARCHIVE_CHATS and not change.is_removal
    ]
    return said[-1] if said else None


def _set(
    mirror: Mirror, change: Change, jid: str, *, setting: tuple[str, Any], cause: str | None
) -> None:
    chat = mirror.obtain(jid)
    field, value = setting
    if field == "archived" and value:
        if change.is_full and chat.archived_at == change.at and chat.archived is not None:
            return  # known, and perhaps brought back by a message since
        value = not _was_brought_back(chat, change.at)
    if field != "contact_name":
        chat.is_chat = True
        chat.address = jid
    if chat.set(field, value, change.at) and cause is not None:
        log_setting(mirror, chat, field, at=change.at, cause=cause)


def _was_brought_back(chat: ChatRecord, archived_at: int) -> bool:
    """Tell whether a message that came first here was sent after the chat was archived."""
    at = chat.unarchived_at
    return at is not None and at // 1000 > archived_at // 1000


def _clear(mirror: Mirror, chat: ChatRecord, field: str, *, cause: str | None) -> None:
    if chat.set(field, None, mirror.now) and cause is not None:
        log_setting(mirror, chat, field, at=mirror.now, cause=cause)


def _delete(mirror: Mirror, jid: str, change: Change) -> None:
    chat = mirror.find(jid)
    if chat is None or (chat.last_message_at or 0) // 1000 > change.at // 1000:
        return
    chat.is_chat = False
    chat.last_message_at = None


def _describe(chat: ChatRecord, field: str) -> dict[str, Any]:
    if field != "muted_until":
        return {field: bool(getattr(chat, field))}
    until = chat.muted_until or 0
    if not until:
        return {"muted": False}
    ends_at = to_milliseconds(END_OF_TIME) if until == FOREVER else until
    return {"muted": True, "muted_until": to_rfc3339(ends_at)}
