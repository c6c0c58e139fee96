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

    @classmethod
    def from_bridge(cls, status: Mapping[str, Any]) -> Observation:
        """Read a *status*."""
        app_state = status.get("app_state")
        last_seen_at = status.get("last_seen_at")
        return cls(
            status=DeviceStatus(status["status"]),
            reason=status.get("reason"),
            jid=status.get("jid"),
            lid=status.get("lid"),
            push_name=status.get("push_name"),
            app_state=CollectionState(app_state) if app_state else None,
            last_seen_at=None if last_seen_at is None else from_milliseconds(last_seen_at),
        )

    def after_restart(self) -> Observation:
        """Return what this is worth in a later process."""
        return replace(self, status=AFTER_RESTART.get(self.status, self.status))


@dataclass(frozen=True, slots=True)
class CollectionStatus:
    """The state of one app-state collection of a device."""

    name: str
    version: int
    state: CollectionState

    @classmethod
    def from_bridge(cls, data: Mapping[str, Any]) -> CollectionStatus:
        """Read the data of an `app_state.status` event."""
        return cls(data["collection"], int(data["version"]), CollectionState(data["state"]))
