"""What a change of the app state says, as values of the domain.

Values are WhatsApp's SyncActionValue as protojson: 64-bit numbers are text in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sessions.chat_records import FOREVER
from sessions.jid import is_chat_jid

UNARCHIVE_CHATS = "setting_unarchiveChats"
LONGEST_NAME = 200
# The year 9999, in Unix milliseconds.
_NEVER = 253_370_764_800_000

SETTINGS_OF: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "regular_low": ("archived", "pinned", "read"),
        "regular_high": ("muted_until",),
        "critical_unblock_low": ("contact_name",),
    }
)
"""The fields of a chat that a collection holds."""


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of a collection that was set, or removed (`value` is empty then).

    `at` is when its author made it, in Unix milliseconds.
    """

    collection: str
    version: int
    index: tuple[str, ...]
    value: Mapping[str, Any]
    at: int
    is_removal: bool
    is_full: bool
    is_own: bool
    is_last: bool

    @property
    def kind(self) -> str:
        """What the entry is about."""
        return self.index[0] if self.index else ""

    @property
    def jid(self) -> str | None:
        """The chat that it is about, if it is one that is mirrored."""
        jid = self.index[1] if len(self.index) > 1 else ""
        return jid if is_chat_jid(jid) else None

    def setting(self) -> tuple[str, Any] | None:
        """Return the field of the chat that it sets, and its value; None removes it."""
        reader = _READERS.get(self.kind)
        if reader is None:
            return None
        field, read = reader
        return field, None if self.is_removal else read(self.value)

    def pair(self) -> tuple[str, str] | None:
        """Return the number and the LID of one person, if it tells that."""
        number, lid = self.jid, self.value.get("contactAction", {}).get("lidJID")
        if self.kind == "pnForLidChat":
            number, lid = self.value.get("pnForLidChatAction", {}).get("pnJID"), self.jid
        return (number, lid) if is_pair(number, lid) and number and lid else None


def read_change(data: Mapping[str, Any], at: int) -> Change:
    """Read the data of an `app_state.change` event, which came at a time."""
    return Change(
        collection=data["collection"],
        version=int(data["version"]),
        index=tuple(str(part) for part in data["index"]),
        value=dict(data.get("value") or {}),
        at=int(data.get("value_at", at)),
        is_removal=data["operation"] == "remove",
        is_full=bool(data["full"]),
        is_own=bool(data["own"]),
        is_last=bool(data.get("last", True)),
    )


def is_pair(number: object, lid: object) -> bool:
    """Tell whether two JIDs are a number and a LID."""
    return (
        isinstance(number, str)
        and isinstance(lid, str)
        and number.endswith("@s.whatsapp.net")
        and lid.endswith("@lid")
        and is_chat_jid(number)
        and is_chat_jid(lid)
    )


def clip(name: object) -> str | None:
    """Return a name in the length that is kept; an empty one is none."""
    return str(name).strip()[:LONGEST_NAME] or None if name else None


def _muted_until(value: Mapping[str, Any]) -> int:
    action = value.get("muteAction", {})
    if not action.get("muted", False):
        return 0
    until = int(action.get("muteEndTimestamp") or FOREVER)
    return until if 0 < until < _NEVER else FOREVER


def _contact_name(value: Mapping[str, Any]) -> str | None:
    action = value.get("contactAction", {})
    return clip(action.get("fullName") or action.get("firstName"))


def _lid_contact_name(value: Mapping[str, Any]) -> str | None:
    action = value.get("lidContactAction", {})
    return clip(action.get("fullName") or action.get("firstName"))


def _flag(action: str, name: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda value: bool(value.get(action, {}).get(name, False))


_READERS: Mapping[str, tuple[str, Callable[[Mapping[str, Any]], Any]]] = MappingProxyType(
    {
        "archive": ("archived", _flag("archiveChatAction", "archived")),
        "pin_v1": ("pinned", _flag("pinAction", "pinned")),
        "mute": ("muted_until", _muted_until),
        "markChatAsRead": ("read", _flag("markChatAsReadAction", "read")),
        "contact": ("contact_name", _contact_name),
        "lid_contact": ("contact_name", _lid_contact_name),
    }
)
