"""Which device a request acts on, without asking the database every time."""

from __future__ import annotations

from structlog.contextvars import bind_contextvars

from sessions.devices import Devices
from sessions.principals import Principal, Role
from sessions.recent import Recent
from sessions.states import DeviceKey
from sessions.store.database import Database


class Choices:
    """Chooses as `Devices.choose` does, and remembers what it chose for a moment.

    What is remembered is the device's name alone: how it is may be another matter by now.
    """

    def __init__(self, database: Database, devices: Devices) -> None:
        self._devices = devices
        self._recent: Recent[tuple[str, Role, str | None], DeviceKey] = Recent(
            lambda: database.membership
        )

    def choose(self, principal: Principal, device_id: str | None) -> DeviceKey:
        """Return what names the device; raises what `Devices.choose` raises."""
        key = self._recent.get(
            (principal.user_id, principal.role, device_id),
            lambda: self._devices.choose(principal, device_id).key,
        )
        bind_contextvars(device_id=key.device_id)
        return key
