"""The mirror of one device, as a batch of events works on it.

It loads the chats that the batch names with a few statements, lets the events change them in
memory, and writes what has changed at the end, all in the transaction of the batch. `log` appends
to the device's event log. Times are Unix milliseconds.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session as Transaction

from sessions.chat_changes import ChatChanges
from sessions.chat_records import ChatRecord
from sessions.jid import LID_SERVER, USER_SERVER
from sessions.store import calls, event_log, mirrors
from sessions.store import chats as rows
from sessions.store.chats import StoredChat
from sessions.times import to_rfc3339


@dataclass(frozen=True, slots=True)
class Merge:
    """A person has another JID now; `gone` is the other record that there was, if any."""

    kept: ChatRecord
    gone: ChatRecord | None
    gone_jid: str


class Mirror:
    """The chats, pairs and log of a device within one transaction. `write` ends it."""

    def __init__(
        self, transaction: Transaction, device_id: str, *, jids: Iterable[str], now: int
    ) -> None:
        self.transaction = transaction
        self.device_id = device_id
        self.now = now
        self.row = mirrors.find_row(transaction, device_id)
        self._chats: dict[str, ChatRecord] = {}
        self._stored: dict[int, tuple[StoredChat, tuple[Any, ...]]] = {}
        self._ids: dict[int, int] = {}
        self._gone: list[StoredChat] = []
        self._numbers: dict[str, str] = {}
        self._lids: dict[str, str] = {}
        self._new_pairs: set[str] = set()
        self._lost_pairs: set[str] = set()
        self._entries: list[dict[str, Any]] = []
        self.load(jids)

    def find(self, jid: str) -> ChatRecord | None:
        """Return the chat that a JID names, as number, LID or group."""
        return self._chats.get(jid)

    def obtain(self, jid: str) -> ChatRecord:
        """Return the chat that a JID names; it is made if there is none."""
        chat = self._chats.get(jid)
        if chat is None:
            chat = self._make(jid)
        return chat

    def pair_of(self, jid: str) -> tuple[str | None, str | None]:
        """Return the number and the LID of a person, as far as they are known."""
        if jid.endswith(USER_SERVER):
            return jid, self._lids.get(jid)
        if jid.endswith(LID_SERVER):
            return self._numbers.get(jid), jid
        return None, None

    def load(self, jids: Iterable[str]) -> None:
        """Load what the JIDs name, with a few statements."""
        named = set(jids)
        for lid, number in rows.load_pairs(self.transaction, self.device_id, sorted(named)):
            if lid not in self._numbers and number not in self._lids:
                self._numbers[lid], self._lids[number] = number, lid
            named |= {lid, number}
        self._take(rows.load(self.transaction, self.device_id, sorted(named)))

    def members(self) -> list[ChatRecord]:
        """Return the groups that the account is in."""
        self._take(rows.load_members(self.transaction, self.device_id))
        return [chat for chat in self._unique() if chat.is_member]

    def known(self, fields: Sequence[str]) -> list[ChatRecord]:
        """Return the chats of which app state has said something of any of the settings."""
        self._take(rows.load_known(self.transaction, self.device_id, fields))
        return [
            chat
            for chat in self._unique()
            if any(getattr(chat, f"{field}_at") is not None for field in fields)
        ]

    def pair(self, number: str, lid: str) -> Merge | None:
        """Learn that a number and a LID are one person; returns what that changed of his chats."""
        if self._numbers.get(lid) == number:
            return None
        self._note_pair(number, lid)
        of_number, of_lid = self._chats.get(number), self._chats.get(lid)
        if of_number is not None and of_number.lid not in (None, lid):
            # The number has gone to somebody else.
            self._chats.pop(str(of_number.lid), None)
        kept = of_number or of_lid
        if kept is None:
            return None
        gone = of_lid if of_lid is not kept else None
        gone_jid = lid if gone is not None else kept.jid
        if gone is not None:
            gone_jid = gone.jid
            self._remove(gone)
        self._chats.pop(kept.jid, None)
        kept.jid, kept.lid = number, lid
        self._index(kept)
        return Merge(kept, gone, gone_jid) if gone_jid != number else None

    def reset(self, account: str) -> None:
        """Begin anew for another account: nothing that was known is true of it."""
        self.write()
        rows.erase(self.transaction, self.device_id, at=self.now)
        calls.erase(self.transaction, self.device_id)
        for row in mirrors.collections(self.transaction, self.device_id).values():
            self.transaction.delete(row)
        self.transaction.flush()
        self._forget_all()
        self.row.account = account
        self.row.has_history = False
        self.row.revision += 1

    def log(self, event: str, data: Mapping[str, Any], *, at: int) -> None:
        """Append an event to the device's log."""
        self.row.sequence += 1
        entry = {
            "device_id": self.device_id,
            "sequence": self.row.sequence,
            "id": str(uuid.uuid4()),
            "type": event,
            "at": at,
            "data": json.dumps(data, separators=(",", ":"), ensure_ascii=False),
        }
        self._entries.append(entry)

    def log_chat(self, event: str, chat: ChatRecord, *, at: int, **data: Any) -> None:
        """Append an event about a chat; those of `data` that are None are unknown."""
        known = {name: value for name, value in data.items() if value is not None}
        self.log(event, {"chat_jid": chat.jid, **known, "at": to_rfc3339(at)}, at=at)

    def write(self) -> None:
        """Write everything that has changed."""
        self._write_chats()
        pairs = {lid: self._numbers[lid] for lid in sorted(self._new_pairs)}
        rows.store_pairs(self.transaction, self.device_id, pairs, gone=sorted(self._lost_pairs))
        event_log.append(self.transaction, self._entries)
        self._new_pairs, self._lost_pairs, self._entries = set(), set(), []

    def _write_chats(self) -> None:
        changes = ChatChanges(self.row.revision + 1, self.now)
        for stored in self._gone:
            changes.remove(stored)
        for stored, before in self._stored.values():
            changes.compare(stored, before)
        fresh = [chat for chat in self._unique() if id(chat) not in self._ids]
        for chat in fresh:
            changes.add(chat)
        if changes.write(self.transaction, self.device_id):
            self.row.revision += 1

    def _take(self, chats: Iterable[StoredChat]) -> None:
        """Take chats from the database, but those that the batch has changed or removed."""
        gone = {stored.id for stored in self._gone}
        for stored in chats:
            if stored.id not in self._stored and stored.id not in gone:
                self._stored[stored.id] = (stored, stored.record.values())
                self._ids[id(stored.record)] = stored.id
                self._index(stored.record)

    def _make(self, jid: str) -> ChatRecord:
        number = jid if jid.endswith(USER_SERVER) else self._numbers.get(jid)
        lid = jid if jid.endswith(LID_SERVER) else self._lids.get(jid)
        chat = ChatRecord(number or jid, lid)
        self._index(chat)
        return chat

    def _index(self, chat: ChatRecord) -> None:
        self._chats[chat.jid] = chat
        if chat.lid is not None:
            self._chats[chat.lid] = chat

    def _note_pair(self, number: str, lid: str) -> None:
        old_lid, old_number = self._lids.get(number), self._numbers.get(lid)
        if old_lid is not None:
            self._numbers.pop(old_lid, None)
            self._lost_pairs.add(old_lid)
            self._new_pairs.discard(old_lid)
        if old_number is not None:
            self._lids.pop(old_number, None)
        self._numbers[lid], self._lids[number] = number, lid
        self._new_pairs.add(lid)

    def _remove(self, chat: ChatRecord) -> None:
        for jid in (chat.jid, chat.lid):
            if jid is not None and self._chats.get(jid) is chat:
                del self._chats[jid]
        chat_id = self._ids.pop(id(chat), None)
        if chat_id is not None:
            stored, before = self._stored.pop(chat_id)
            self._gone.append(StoredChat(chat_id, stored.placed_revision, ChatRecord(*before)))

    def _unique(self) -> list[ChatRecord]:
        return list({id(chat): chat for chat in self._chats.values()}.values())

    def _forget_all(self) -> None:
        self._chats, self._stored, self._ids, self._gone = {}, {}, {}, []
        self._numbers, self._lids = {}, {}
