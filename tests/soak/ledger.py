"""What the service has promised about each chat, to be held against what the phone shows.

Every wish carries a time stamp of its own, which arrives at the phone as the range of the archive:
so a lost change shows even where an older one left the chat looking the same.

The lock guards the records; nothing blocks under it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from threading import Lock
from typing import Any

FIRST_STAMP = 1_500_000_000
"""Unix seconds; the stamps count up from here."""

Chat = tuple[str, str]
"""The account's digits and the chat's JID."""


class Outcome(Enum):
    """What an answer says about a wish."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Wish:
    """One change that was asked for. `stamp` is in Unix seconds, and no other wish has it."""

    stamp: int
    archived: bool


@dataclass(slots=True)
class Record:
    """The wishes that a chat may show (None: none), and all that were ever sent about it."""

    possible: set[Wish | None] = field(default_factory=lambda: {None})
    asked: set[Wish] = field(default_factory=set)


class Ledger:
    """Keeps the records. One chat has one writer at a time, so that its wishes have an order."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._stamps = itertools.count(FIRST_STAMP)
        self._records: dict[Chat, Record] = {}
        self.accepted = 0

    def wish(self, chat: Chat, archived: bool) -> Wish:
        """Note that a change is about to be asked for."""
        with self._lock:
            wish = Wish(next(self._stamps), archived)
            self._records.setdefault(chat, Record()).asked.add(wish)
            return wish

    def settle(self, chat: Chat, wish: Wish, outcome: Outcome) -> None:
        """Note how it ended."""
        with self._lock:
            record = self._records[chat]
            if outcome is Outcome.ACCEPTED:
                record.possible = {wish}
                self.accepted += 1
            elif outcome is Outcome.UNKNOWN:
                record.possible.add(wish)

    def differences(self, account: str, entries: Sequence[Mapping[str, Any]]) -> list[str]:
        """Compare the archive entries of an account with the records; says what is wrong."""
        shown = {entry["index"][1]: entry for entry in entries if entry["index"][0] == "archive"}
        with self._lock:
            records = {jid: one for (pn, jid), one in self._records.items() if pn == account}
        found = [f"{account}: {jid} was never asked for" for jid in set(shown) - set(records)]
        for jid, record in records.items():
            if problem := _judge(record, shown.get(jid)):
                found.append(f"{account}: {jid} {problem}")
        return found


def _judge(record: Record, entry: Mapping[str, Any] | None) -> str | None:
    """Say what is wrong with a chat, if anything is."""
    shown = entry and read_wish(entry["value"])
    if shown in record.possible:
        return None
    if shown is None:
        return f"is missing, accepted was one of {record.possible}"
    if shown not in record.asked:
        return f"shows {shown}, which nobody asked for"
    return f"shows {shown}, but must show one of {record.possible}"


def read_wish(value: Mapping[str, Any]) -> Wish:
    """Read the wish out of an archive entry's value, as the simulator writes it."""
    action = value["archiveChatAction"]
    stamp = int(action["messageRange"]["lastMessageTimestamp"])
    return Wish(stamp, bool(action.get("archived", False)))
