"""What the bridge's events change in the mirror of a device's chats.

Field by field, and each part of an event by itself: what an event says nothing of stays as it is.
App state knows better than the history.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sessions.app_state_changes import clip, is_pair
from sessions.chat_records import ChatRecord, max_known
from sessions.jid import is_chat_jid
from sessions.mirror import Mirror
from sessions.mirror_settings import log_setting

_NO_HISTORY = ("push_name", "status")
_FROM_HISTORY = ("archived", "pinned", "muted_until", "read")


def apply_history(mirror: Mirror, chats: Iterable[Mapping[str, Any]], *, at: int) -> None:
    """Take over conversations of the history."""
    for told in chats:
        learn_pair(mirror, told.get("pn"), told.get("lid"), at=at)
        if is_chat_jid(told["jid"]):
            _apply_conversation(mirror.obtain(told["jid"]), told)


def end_history(mirror: Mirror, kind: str) -> None:
    """Note that a part of the history was read whole; there are parts without conversations."""
    if not any(word in kind.lower() for word in _NO_HISTORY):
        mirror.row.has_history = True


def apply_name(mirror: Mirror, told: Mapping[str, Any]) -> None:
    """Take over names of a person."""
    if not is_chat_jid(told["jid"]):
        return
    chat = mirror.obtain(told["jid"])
    chat.push_name = clip(told.get("push_name")) or chat.push_name
    chat.business_name = clip(told.get("business_name")) or chat.business_name
    if chat.contact_name_at is None:
        chat.contact_name = clip(told.get("name")) or chat.contact_name


def apply_groups(mirror: Mirror, groups: Iterable[Mapping[str, Any]]) -> None:
    """Take over the whole list of the groups that the account is in."""
    joined = {told["jid"]: told for told in groups if is_chat_jid(told["jid"])}
    for chat in mirror.members():
        if chat.jid not in joined:
            _leave(chat)
    for told in joined.values():
        apply_group(mirror, told)


def apply_group(mirror: Mirror, told: Mapping[str, Any]) -> None:
    """Take over what is new about a group."""
    if not is_chat_jid(told["jid"]):
        return
    chat = mirror.obtain(told["jid"])
    chat.subject = clip(told.get("subject")) or chat.subject
    if told.get("left"):
        _leave(chat)
        return
    chat.is_member = True
    if "participant_count" in told:
        chat.participant_count = int(told["participant_count"])


def apply_message(mirror: Mirror, told: Mapping[str, Any], *, unarchives: bool, at: int) -> None:
    """Take over the time of a message. One from somebody else may bring an archived chat back.

    WhatsApp does that by itself, on the phone and here, and no patch says so.
    """
    jid, other = told["chat_jid"], told.get("alt_jid")
    learn_pair(mirror, jid, other, at=at)
    learn_pair(mirror, other, jid, at=at)
    if not told["real"] or not is_chat_jid(jid):
        return
    chat = mirror.obtain(jid)
    chat.is_chat = True
    sent_at = int(told["message_at"])
    chat.last_message_at = max_known(chat.last_message_at, sent_at)
    if told["from_me"] or not unarchives or is_older(sent_at, chat.archived_at):
        return
    chat.unarchived_at = max_known(chat.unarchived_at, sent_at)
    if chat.archived:
        chat.archived = False
        log_setting(mirror, chat, "archived", at=sent_at, cause="new_message")


def is_older(sent_at: int, archived_at: int | None) -> bool:
    """Tell whether a message was there before its chat was archived; its time has whole seconds."""
    return archived_at is not None and sent_at // 1000 < archived_at // 1000


def learn_pair(mirror: Mirror, number: object, lid: object, *, at: int) -> None:
    """Learn that a number and a LID are one person; two chats of his become one."""
    if not (is_pair(number, lid) and isinstance(number, str) and isinstance(lid, str)):
        return
    merge = mirror.pair(number, lid)
    if merge is None:
        return
    changed = [] if merge.gone is None else merge.kept.absorb(merge.gone)
    if merge.kept.is_listed:
        mirror.log_chat("chat.merged", merge.kept, at=at, merged_jid=merge.gone_jid)
    for field in changed:
        log_setting(mirror, merge.kept, field, at=at, cause="reconciled")


def _apply_conversation(chat: ChatRecord, told: Mapping[str, Any]) -> None:
    chat.is_chat = True
    chat.last_message_at = max_known(chat.last_message_at, told.get("last_message_at"))
    name = clip(told.get("name"))
    if chat.is_group:
        chat.subject = chat.subject or name
    elif chat.contact_name_at is None:
        chat.contact_name = name or chat.contact_name
    for field in _FROM_HISTORY:
        if field in told and getattr(chat, f"{field}_at") is None:
            chat.set(field, told[field], None)


def _leave(chat: ChatRecord) -> None:
    chat.is_member = False
    chat.participant_count = None
