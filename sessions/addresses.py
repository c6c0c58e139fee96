"""How a chat is named in the app state, and what is known of its messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sessions.states import DeviceKey


@dataclass(frozen=True, slots=True)
class Address:
    """The JID under which a chat is patched; `newest_message_at` None: not known."""

    jid: str
    newest_message_at: datetime | None = None


AddressBook = Callable[[DeviceKey, Sequence[str]], Sequence[Address]]
"""Gives the address of each chat of a device's account, by its normalised JID, in order."""


def address_as_given(_device: DeviceKey, jids: Sequence[str]) -> Sequence[Address]:
    """Address chats as requests name them, for nothing more is known of them."""
    return [Address(jid) for jid in jids]
