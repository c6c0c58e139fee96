"""A mirror that a test feeds with the bridge's events, beside a service that runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from bridge.fake import FakeBridge
from bridge.interface import Event
from sessions.chat_list import Chat, ChatPage, ChatQuery
from sessions.principals import Principal
from sessions.pump import Pump
from sessions.states import Device
from sessions.store import event_log
from sessions.store.chat_pages import ChatFilter
from sessions.store.event_log import LogEntry
from sessions.times import to_milliseconds, utc_now
from tests.support.sessions import Stage

NOW = 1_781_524_800_000
HOME = "@s.whatsapp.net"
_ACTIONS = {
    "archive": ("regular_low", "archiveChatAction", "archived"),
    "pin_v1": ("regular_low", "pinAction", "pinned"),
    "mute": ("regular_high", "muteAction", "muted"),
    "markChatAsRead": ("regular_low", "markChatAsReadAction", "read"),
    "contact": ("critical_unblock_low", "contactAction", "fullName"),
}


@dataclass(slots=True)
class Feed:
    """A device, a bridge that reports what the test wants, and the pump that stores it."""

    stage: Stage
    principal: Principal
    device: Device
    bridge: FakeBridge
    pump: Pump
    spool_ids: Iterator[int] = field(default_factory=lambda: count(1))
    versions: Iterator[int] = field(default_factory=lambda: count(1))

    def emit(self, kind: str, at: int = NOW, /, *, is_spooled: bool = True, **data: Any) -> None:
        """Report an event."""
        spool_id = next(self.spool_ids) if is_spooled else None
        event = Event(self.principal.tenant_id, self.device.id, kind, at, data, spool_id)
        self.bridge.emit(event)

    def step(self) -> None:
        """Store what was reported."""
        self.pump.step()

    def history(self, *chats: dict[str, Any]) -> None:
        """Report conversations of the history."""
        self.emit("history.chats", chats=list(chats))

    def change(self, kind: str, jid: str, value: Any, /, *, at: int = NOW, **fields: Any) -> None:
        """Report a change of the app state; the value None removes."""
        collection, action, name = _ACTIONS[kind]
        known = {} if value is None else {"value": {action: {name: value}}}
        data = {
            "collection": collection,
            "version": next(self.versions),
            "operation": "remove" if value is None else "set",
            "index": [kind, jid],
            "value_at": at,
            "full": False,
            "own": False,
            "last": True,
            **known,
            **fields,
        }
        self.emit("app_state.change", at, is_spooled=False, **data)

    def message(self, jid: str, at: int = NOW, **fields: Any) -> None:
        """Report the time of a message from somebody else."""
        known = {"message_id": "M1", "from_me": False, "real": True}
        self.emit("message.time", chat_jid=jid, message_at=at, **{**known, **fields})

    def settle(self) -> None:
        """Report that everything of the account was read once."""
        for name in ("critical_unblock_low", "regular_high", "regular_low"):
            status = {"collection": name, "version": 0, "state": "ok"}
            self.emit("app_state.status", is_spooled=False, **status)
        self.emit("history.end", kind="initial_bootstrap")

    def load(self, name: str, version: int) -> None:
        """Report what the bridge's store has of a collection when it is opened."""
        status = {"collection": name, "version": version, "state": "ok", "loaded": True}
        self.emit("app_state.status", is_spooled=False, **status)

    def page(self, query: ChatQuery | None = None) -> ChatPage:
        """List chats."""
        return self.stage.service.chat_list.list(self.device, query or ChatQuery())

    def chats(self, **wanted: Any) -> dict[str, Chat]:
        """Return the chats that a filter lets through, in order, by JID."""
        page = self.page(ChatQuery(ChatFilter(**wanted))).page
        return {chat.jid: chat for chat in page.items}

    def page_since(self, since: int) -> Sequence[str]:
        """Return what has been removed since a time."""
        return self.page(ChatQuery(ChatFilter(updated_since=since))).removed or ()

    def log(self) -> list[LogEntry]:
        """Return the event log."""
        with self.stage.service._environment.database.read() as transaction:
            return event_log.after(transaction, self.device.id, 0, types=(), limit=100_000)

    def events(self, *types: str) -> Sequence[tuple[str, dict[str, Any]]]:
        """Return the type and data of log entries, of some types or of all."""
        return [
            (entry.event, dict(entry.data))
            for entry in self.log()
            if not types or entry.event in types
        ]


def open_feed(stage: Stage, principal: Principal | None = None) -> Feed:
    """Make a device of its own tenant, or of that user, with a bridge and a pump."""
    principal = principal or stage.register()
    device = stage.service.devices.create(principal, "phone")
    bridge = FakeBridge()
    bridge.start({"devices_dir": "", "network": {"kind": "whatsapp"}})
    environment = stage.service._environment
    pump = Pump(bridge, environment.database, registry=environment.registry, now=utc_now)
    return Feed(stage, principal, device, bridge, pump)


def now() -> int:
    """Return the present time in Unix milliseconds."""
    return to_milliseconds(utc_now())
