"""The use cases of collections: how the app state of a device stands, and fetching it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType

from sessions.deadline import Deadline
from sessions.devices import Devices
from sessions.environment import Environment
from sessions.observations import CollectionStatus
from sessions.principals import Principal


class SyncScope(StrEnum):
    """What a caller may want to be up to date."""

    CONTACTS = "contacts"
    CHATS = "chats"
    SETTINGS = "settings"
    PINS = "pins"
    CRITICAL = "critical"


DEFAULT_SCOPES = (SyncScope.CONTACTS, SyncScope.CHATS, SyncScope.SETTINGS)
_COLLECTIONS: Mapping[SyncScope, Sequence[str]] = MappingProxyType(
    {
        SyncScope.CONTACTS: ("critical_unblock_low",),
        SyncScope.CHATS: ("regular_high", "regular_low"),
        SyncScope.SETTINGS: ("critical_block", "regular"),
        SyncScope.PINS: ("regular_low",),
        SyncScope.CRITICAL: ("critical_block", "critical_unblock_low"),
    }
)


class Collections:
    """Looks after the collections of a device.

    Both methods raise what `Devices.choose`, the admission and the session raise.
    """

    def __init__(self, environment: Environment, devices: Devices) -> None:
        self._environment = environment
        self._devices = devices

    def list(
        self, principal: Principal, device_id: str | None, *, deadline: Deadline
    ) -> Sequence[CollectionStatus]:
        """List how each collection stands, whether or not the device is connected."""
        with self._environment.admission.command():
            device = self._devices.choose(principal, device_id)
            session = self._environment.registry.session_of(device)
            answer = session.ask("app_state.status", deadline)
        return [CollectionStatus.from_bridge(row) for row in answer["collections"]]

    def sync(
        self,
        principal: Principal,
        device_id: str | None,
        *,
        scopes: Iterable[SyncScope],
        full: bool,
        deadline: Deadline,
    ) -> None:
        """Fetch what is new in the scopes' collections, or (`full`) all of them anew.

        Raises AppStateBroken for a wedged collection, which only a full sync may mend, and
        AppStateNotReady while the phone is awaited.
        """
        with self._environment.admission.command():
            device = self._devices.choose(principal, device_id)
            session = self._environment.registry.session_of(device)
            for name in collections_of(scopes):
                session.ask("app_state.sync", deadline, collection=name, full=full)


def collections_of(scopes: Iterable[SyncScope]) -> Sequence[str]:
    """Return the collections of the scopes, each once."""
    return sorted({name for scope in scopes for name in _COLLECTIONS[scope]})
