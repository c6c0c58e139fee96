"""The live sessions of this process, by device.

The lock guards the tables; nothing blocks under it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from threading import Lock
from typing import Any

from sessions.deadline import Deadline
from sessions.errors import DeviceNotFound
from sessions.session import Machinery, Session
from sessions.states import Device, DeviceKey


class Registry:
    """Finds the session of a device, and makes it on first use."""

    def __init__(self, machinery: Machinery) -> None:
        self._machinery = machinery
        self._lock = Lock()
        self._sessions: dict[str, Session] = {}
        self._retired: set[str] = set()
        self._listeners: list[Callable[[str], None]] = []

    def listen(self, listener: Callable[[str], None]) -> None:
        """Have a listener told, too, whenever there is news of a device."""
        self._listeners.append(listener)

    def session_of(self, device: Device) -> Session:
        """Return the session that drives the device; raises what `find` raises."""
        return self.find(device.key)

    def find(self, key: DeviceKey) -> Session:
        """Return the session that drives the device of that name.

        This is the one place that decides who owns a device: this process owns every one of them.
        Raises DeviceNotFound when it was erased since it was read.
        """
        with self._lock:
            if key.device_id in self._retired:
                raise DeviceNotFound
            session = self._sessions.get(key.device_id)
            if session is None:
                session = Session(key.tenant_id, key.device_id, machinery=self._machinery)
                self._sessions[key.device_id] = session
            return session

    def notify(self, device_id: str) -> None:
        """Wake those who wait for news of a device."""
        with self._lock:
            session = self._sessions.get(device_id)
        if session is not None:
            session.notify()
        for listener in self._listeners:
            listener(device_id)

    def waiting(self) -> list[int]:
        """Count the requests that wait for each device; there is always one number at least."""
        with self._lock:
            return [0, *(session.waiting for session in self._sessions.values())]

    def retire(self, device: Device) -> None:
        """End the session of a device that is erased; whoever waits for news of it is woken."""
        with self._lock:
            self._retired.add(device.id)
            session = self._sessions.pop(device.id, None)
        if session is not None:
            session.retire()

    def erase_tenant(
        self, tenant_id: str, devices: Iterable[Device], *, deadline: Deadline
    ) -> Mapping[str, Any]:
        """End the sessions of a tenant's devices and let the bridge erase the tenant's store.

        Blocks as the methods of a session do, and raises the same.
        """
        for device in devices:
            self.retire(device)
        return self._machinery.ask_for_tenant("tenant.erase", tenant_id, deadline=deadline)
