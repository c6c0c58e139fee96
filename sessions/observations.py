"""What the bridge says about a device, as values of the domain.

`from_bridge` raises KeyError, TypeError or ValueError for what is not as docs/bridge.md says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sessions.states import CollectionState, DeviceStatus
from sessions.times import from_milliseconds

AFTER_RESTART: Mapping[DeviceStatus, DeviceStatus] = MappingProxyType(
    {
        DeviceStatus.PAIRING: DeviceStatus.NEW,
        DeviceStatus.PASSKEY_REQUIRED: DeviceStatus.NEW,
        DeviceStatus.CONNECTING: DeviceStatus.DISCONNECTED,
        DeviceStatus.CONNECTED: DeviceStatus.DISCONNECTED,
        DeviceStatus.STOPPED: DeviceStatus.DISCONNECTED,
    }
)
"""What is left of an observed status when the process that observed it is gone."""


@dataclass(frozen=True, slots=True)
class Observation:
    """A whole picture of a device: what is None is unknown or gone."""

    status: DeviceStatus
    reason: str | None = None
    jid: str | None = None
    lid: str | None = None
    push_name: str | None = None
    app_state: CollectionState | None = None
    last_seen_at: datetime | None = None
    banned_until: datetime | None = None
    unarchive_chats: bool | None = None
    lid_migrated: bool | None = None

    @classmethod
    def from_bridge(cls, status: Mapping[str, Any]) -> Observation:
        """Read a *status*."""
        app_state = status.get("app_state")
        return cls(
            status=DeviceStatus(status["status"]),
            reason=status.get("reason"),
            jid=status.get("jid"),
            lid=status.get("lid"),
            push_name=status.get("push_name"),
            app_state=CollectionState(app_state) if app_state else None,
            last_seen_at=_time(status, "last_seen_at"),
            banned_until=_time(status, "banned_until"),
            unarchive_chats=status.get("unarchive_chats"),
            lid_migrated=status.get("lid_migrated"),
        )

    def after_restart(self) -> Observation:
        """Return what this is worth in a later process."""
        return replace(self, status=AFTER_RESTART.get(self.status, self.status))


@dataclass(frozen=True, slots=True)
class CollectionStatus:
    """The state of one app-state collection of a device. `last_ok_at` None: not known.

    `is_loaded`: this is what the bridge's store had when it was opened.
    """

    name: str
    version: int
    state: CollectionState
    last_ok_at: datetime | None = None
    is_loaded: bool = False

    @classmethod
    def from_event(cls, data: Mapping[str, Any]) -> CollectionStatus:
        """Read the data of an `app_state.status` event."""
        return cls(
            name=data["collection"],
            version=int(data["version"]),
            state=CollectionState(data["state"]),
            is_loaded=data.get("loaded", False) is True,
        )

    @classmethod
    def from_bridge(cls, row: Mapping[str, Any]) -> CollectionStatus:
        """Read a row of the answer to `app_state.status`."""
        state = CollectionState(row["state"])
        return cls(row["name"], int(row["version"]), state, _time(row, "last_ok_at"))


def _time(data: Mapping[str, Any], name: str) -> datetime | None:
    milliseconds = data.get(name)
    return None if milliseconds is None else from_milliseconds(milliseconds)
