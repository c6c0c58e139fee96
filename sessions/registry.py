"""The live sessions of this process, by device.

The lock guards the table; nothing blocks under it.
"""

from __future__ import annotations

from threading import Lock

from sessions.session import Machinery, Session
from sessions.states import Device


class Registry:
    """Finds the session of a device, and makes it on first use."""

    def __init__(self, machinery: Machinery) -> None:
        self._machinery = machinery
        self._lock = Lock()
        self._sessions: dict[str, Session] = {}

    def session_of(self, device: Device) -> Session:
        """Return the session that drives the device.

        This is the one place that decides who owns a device: this process owns every one of them.
        """
        with self._lock:
            session = self._sessions.get(device.id)
            if session is None:
                session = Session(device.tenant_id, device.id, machinery=self._machinery)
                self._sessions[device.id] = session
            return session

    def notify(self, device_id: str) -> None:
        """Wake those who wait for news of a device, if it has a session."""
        with self._lock:
            session = self._sessions.get(device_id)
        if session is not None:
            session.notify()
