"""What a batch of events has changed of the chats of a device, as rows for a few statements."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session as Transaction

from sessions.chat_records import ChatRecord
from sessions.store import chats as rows
from sessions.store.chats import StoredChat


class ChatChanges:
    """Collects the rows, then writes them. `revision` is that of the list if its order changes."""

    def __init__(self, revision: int, now: int) -> None:
        self._revision = revision
        self._now = now
        self._added: list[dict[str, Any]] = []
        self._updated: list[dict[str, Any]] = []
        self._renamed: list[int] = []
        self._removed: list[int] = []
        self._positions: list[dict[str, Any]] = []
        self._unlisted: dict[str, None] = {}
        self._back: set[str] = set()
        self._moved = False

    def add(self, chat: ChatRecord) -> None:
        """Insert a chat that was not there."""
        row = rows.to_row(chat, placed_revision=self._revision, updated_at=self._now)
        self._added.append(row)
        self._moved = True
        if chat.is_listed:
            self._back.add(chat.jid)

    def remove(self, stored: StoredChat) -> None:
        """Delete a chat."""
        self._removed.append(stored.id)
        if stored.record.is_listed:
            self._unlisted[stored.record.jid] = None

    def compare(self, stored: StoredChat, before_values: tuple[Any, ...]) -> None:
        """Write a chat over if it has changed."""
        after = stored.record
        if after.values() == before_values:
            return
        before = ChatRecord(*before_values)
        has_moved = after.placed_by() != before.placed_by() and (
            after.order() != before.order() or after.is_listed != before.is_listed
        )
        placed = self._revision if has_moved else stored.placed_revision
        if has_moved:
            self._leave(stored, before)
        row = rows.to_row(after, placed_revision=placed, updated_at=self._now)
        self._updated.append({**row, "the_id": stored.id})
        if (after.jid, after.lid) != (before.jid, before.lid):
            self._renamed.append(stored.id)
        if before.is_listed and (after.jid != before.jid or not after.is_listed):
            self._unlisted[before.jid] = None
        if after.is_listed and not (before.is_listed and after.jid == before.jid):
            self._back.add(after.jid)

    def write(self, transaction: Transaction, device_id: str) -> bool:
        """Execute the statements; returns whether the order of the list has changed."""
        positions = [{**row, "device_id": device_id} for row in self._positions]
        rows.add_positions(transaction, positions)
        rows.remove(transaction, self._removed)
        rows.free_names(transaction, self._renamed)
        rows.store(transaction, self._updated)
        rows.add(transaction, device_id, self._added)
        gone = [jid for jid in self._unlisted if jid not in self._back]
        rows.note_removed(transaction, device_id, gone, at=self._now)
        rows.note_back(transaction, device_id, sorted(self._back))
        return self._moved

    def _leave(self, stored: StoredChat, before: ChatRecord) -> None:
        self._moved = True
        order_pinned, order_at, sort_name = before.order()
        position = {
            "chat_id": stored.id,
            "from_revision": stored.placed_revision,
            "until_revision": self._revision,
            "moved_at": self._now,
            "order_pinned": order_pinned,
            "order_at": order_at,
            "sort_name": sort_name,
        }
        self._positions.append(position)
