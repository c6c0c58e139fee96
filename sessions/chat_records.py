"""A chat as the mirror keeps it: one record a person or group. Times are Unix milliseconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

from sessions.chat_names import build_search, build_sort_name, choose_name

FOREVER = -1
SETTINGS = ("archived", "pinned", "muted_until", "read", "contact_name")
"""What app state sets. Each has a field `…_at`: when it did; None when the history said so."""


@dataclass(slots=True)
class ChatRecord:
    """What is known of a chat; None is unknown. Mutable: a batch of events works on it.

    `jid` is the number's if that is known, else the LID; `address` the JID in app state.
    `is_chat`: there is a conversation; `is_member`: a group that the account is in.
    """

    jid: str
    lid: str | None = None
    address: str | None = None
    is_chat: bool = False
    is_member: bool = False
    contact_name: str | None = None
    contact_name_at: int | None = None
    business_name: str | None = None
    subject: str | None = None
    push_name: str | None = None
    participant_count: int | None = None
    archived: bool | None = None
    archived_at: int | None = None
    unarchived_at: int | None = None
    pinned: bool | None = None
    pinned_at: int | None = None
    muted_until: int | None = None
    muted_until_at: int | None = None
    read: bool | None = None
    read_at: int | None = None
    last_message_at: int | None = None

    @property
    def is_group(self) -> bool:
        """Whether it is a group."""
        return self.jid.endswith("@g.us")

    @property
    def is_listed(self) -> bool:
        """Whether it is to be seen in the list: a conversation, a saved contact or a group."""
        return self.is_chat or self.is_member or self.contact_name is not None

    @property
    def names(self) -> Sequence[str | None]:
        """Its names, the best first."""
        return (self.contact_name, self.business_name, self.subject, self.push_name)

    def values(self) -> tuple[Any, ...]:
        """Return every field, in order."""
        values: tuple[Any, ...] = _get_values(self)
        return values

    def placed_by(self) -> tuple[Any, ...]:
        """Return all that decides whether and where it is in the list."""
        return (self.is_listed, bool(self.pinned), self.last_message_at, self.jid, *self.names)

    def order(self) -> tuple[int, int, str]:
        """Return what it is ordered by: pinned first, then the newest message, then its name."""
        found = choose_name(self.names, self.jid)
        name = build_sort_name(found[0]) if found else ""
        return (0 if self.pinned else 1, -(self.last_message_at or 0), name)

    def search(self) -> str:
        """Return the text in which it is searched."""
        return build_search(self.names, self.jid)

    def knows(self, field: str, at: int) -> bool:
        """Tell whether app state has said something newer of a setting."""
        known = getattr(self, f"{field}_at")
        return known is not None and known > at

    def set(self, field: str, value: Any, at: int | None) -> bool:
        """Set a setting; returns whether that changed what it means.

        What nothing was known of, and is now off, has not changed.
        """
        before = getattr(self, field)
        setattr(self, field, value)
        setattr(self, f"{field}_at", at)
        is_off_unless_known = field != "read"
        return bool(before != value and (before or value or not is_off_unless_known))

    def absorb(self, other: ChatRecord) -> list[str]:
        """Take over what another record of the same person knows; returns the changed settings.

        Of each setting the one that app state said last is right, and the history's the least.
        """
        changed = [field for field in SETTINGS if self._absorb_setting(other, field)]
        self.is_chat = self.is_chat or other.is_chat
        self.lid = self.lid or other.lid
        self.address = self.address or other.address
        self.business_name = self.business_name or other.business_name
        self.push_name = self.push_name or other.push_name
        self.unarchived_at = max_known(self.unarchived_at, other.unarchived_at)
        self.last_message_at = max_known(self.last_message_at, other.last_message_at)
        return changed

    def _absorb_setting(self, other: ChatRecord, field: str) -> bool:
        value, at = getattr(other, field), getattr(other, f"{field}_at")
        if at is None and (value is None or getattr(self, field) is not None):
            return False
        known = getattr(self, f"{field}_at")
        if known is not None and (at is None or at <= known):
            return False
        if at is not None:
            self.address = other.address or self.address
        return self.set(field, value, at)


FIELDS = tuple(field.name for field in fields(ChatRecord))
_get_values = attrgetter(*FIELDS)


def max_known(first: int | None, second: int | None) -> int | None:
    """Return the greater of two numbers of which either may be unknown."""
    return max((number for number in (first, second) if number is not None), default=None)
