"""Bringing devices online and offline, and noting what is wanted and what came of it.

Everything here runs in the device's control lane, so that what is wanted and what is done have the
same order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sessions.deadline import Deadline
from sessions.environment import Environment
from sessions.errors import DeviceNotFound, DeviceNotLinked
from sessions.observations import Observation
from sessions.session import Session
from sessions.states import IN_PAIRING, DesiredState, Device, DeviceStatus
from sessions.store import devices as rows
from sessions.store.erasure import erase_device

Ask = Callable[[Session, Deadline], Mapping[str, Any]]
"""Asks the bridge for a code within a deadline."""


class Connections:
    """Connects, disconnects and logs out devices; each method blocks until it is done."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def connect(self, device: Device, deadline: Deadline) -> Observation:
        """Bring a device online, from now on after every restart too."""
        session = self._environment.registry.session_of(device)

        def run(until: Deadline) -> Observation:
            wanted = self._want(device, DesiredState.ONLINE)
            return self._note(wanted, session.call("device.connect", until))

        return session.control(run, deadline)

    def restore(self, device: Device, deadline: Deadline) -> None:
        """Bring a device online if that is still wanted when its turn comes."""
        session = self._environment.registry.session_of(device)

        def run(until: Deadline) -> None:
            present = self._read(device)
            if present.desired is DesiredState.ONLINE:
                self._note(present, session.call("device.connect", until))

        session.control(run, deadline)

    def disconnect(self, device: Device, deadline: Deadline) -> Observation:
        """Take a device offline, and keep its keys."""
        session = self._environment.registry.session_of(device)

        def run(until: Deadline) -> Observation:
            unwanted = self._want(device, DesiredState.OFFLINE)
            return self._note(unwanted, session.call("device.disconnect", until))

        return session.control(run, deadline)

    def log_out(self, device: Device, deadline: Deadline) -> bool:
        """Erase the keys of a device; returns whether WhatsApp confirmed it.

        Raises DeviceNotLinked for one without keys, whose pairing, if any, goes on.
        """
        session = self._environment.registry.session_of(device)

        def run(until: Deadline) -> bool:
            if "jid" not in session.call("device.status", until):
                raise DeviceNotLinked
            unwanted = self._want(device, DesiredState.OFFLINE)
            result = session.call("device.logout", until)
            self._note(unwanted, session.call("device.status", until))
            return bool(result["unlinked"])

        return session.control(run, deadline)

    def erase(self, device: Device, deadline: Deadline) -> bool:
        """Erase a device with its keys and its rows; returns whether WhatsApp confirmed it."""
        session = self._environment.registry.session_of(device)

        def run(until: Deadline) -> bool:
            self._want(device, DesiredState.OFFLINE)
            result = session.call("device.erase", until)
            with self._environment.database.write() as transaction:
                erase_device(transaction, device.id)
            self._environment.registry.retire(device)
            return bool(result["unlinked"])

        return session.control(run, deadline)

    def show_code(self, device: Device, ask: Ask, deadline: Deadline) -> Mapping[str, Any]:
        """Return the code that `ask` gets; the device should be online from then on."""
        session = self._environment.registry.session_of(device)

        def run(until: Deadline) -> Mapping[str, Any]:
            before = self._read(device)
            code = ask(session, until)
            self._want(device, DesiredState.ONLINE)
            if before.status not in IN_PAIRING:
                self._store(before, Observation(DeviceStatus.PAIRING))
            return code

        return session.control(run, deadline)

    def _want(self, device: Device, desired: DesiredState) -> Device:
        with self._environment.database.write() as transaction:
            rows.set_desired(transaction, device.key, desired=desired)
        return self._read(device)

    def _read(self, device: Device) -> Device:
        with self._environment.database.read() as transaction:
            present = rows.find(transaction, device.key)
        if present is None:
            raise DeviceNotFound
        return present

    def _note(self, before: Device, status: Mapping[str, Any]) -> Observation:
        """Store what a reply said, so that whoever got it sees it in the next read already.

        An event that came in between knows better.
        """
        observation = Observation.from_bridge(status)
        self._store(before, observation)
        return observation

    def _store(self, before: Device, observation: Observation) -> None:
        with self._environment.database.write() as transaction:
            rows.observe_unless_changed(
                transaction, before, observation=observation, at=self._environment.now()
            )
        self._environment.registry.notify(before.id)
