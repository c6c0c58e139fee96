"""The use cases of devices: make, list, link, watch, connect, disconnect, log out.

They raise DeviceNotFound and DeviceRequired (the choice of the device), Overloaded (no slot), and
what the session raises.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy.orm import Session as Transaction

from sessions.connections import Connections
from sessions.deadline import Deadline
from sessions.environment import Environment
from sessions.errors import DeviceNotLinked
from sessions.jid import phone_number_of
from sessions.ownership import add_device, choose_device, visible_devices
from sessions.paging import Page, PageRequest
from sessions.pairings import Pairings
from sessions.principals import Principal
from sessions.states import (
    WITHOUT_KEYS,
    ConnectResult,
    Device,
    DeviceState,
    DeviceStatus,
    DisconnectResult,
    LogoutResult,
    PairCode,
    PairingStatus,
    QRCode,
)
from sessions.store import devices as rows
from sessions.store import webhooks as webhook_rows


class Devices:
    """What a principal can do with devices. `device_id` None means the caller's only one."""

    def __init__(self, environment: Environment, connections: Connections) -> None:
        self._environment = environment
        self._connections = connections
        self._pairings = Pairings(environment, connections)

    def create(self, principal: Principal, name: str) -> Device:
        """Make a device. Raises QuotaExceeded, InvalidInput."""
        with self._environment.database.write() as transaction:
            return add_device(transaction, self._environment, principal=principal, name=name)

    def list(self, principal: Principal, page: PageRequest) -> Page[Device]:
        """List the devices that the caller may name, oldest first."""
        with self._environment.database.read() as transaction:
            return _with_webhooks(transaction, visible_devices(transaction, principal, page))

    def list_own(self, principal: Principal, page: PageRequest) -> Page[Device]:
        """List the devices of the caller, oldest first."""
        with self._environment.database.read() as transaction:
            found = rows.page_of_user(transaction, principal.user_id, page)
            return _with_webhooks(transaction, found)

    def qr(
        self, principal: Principal, device_id: str | None, *, refresh: bool, deadline: Deadline
    ) -> QRCode:
        """Return a code to scan, and make a device for a caller who has none.

        Raises QuotaExceeded, DeviceAlreadyLinked.
        """
        with self._environment.admission.command():
            return self._pairings.show_code(
                principal, device_id, refresh=refresh, deadline=deadline
            )

    def pair_code(
        self,
        principal: Principal,
        device_id: str | None,
        *,
        phone: str,
        refresh: bool,
        deadline: Deadline,
    ) -> PairCode:
        """Return a code to be typed into a phone, and make a device for a caller who has none.

        Raises InvalidInput, QuotaExceeded, DeviceAlreadyLinked, DeviceBusy.
        """
        with self._environment.admission.command():
            return self._pairings.show_pair_code(
                principal, device_id, phone=phone, refresh=refresh, deadline=deadline
            )

    def pairing(
        self, principal: Principal, device_id: str | None, *, wait: Deadline
    ) -> PairingStatus:
        """Return how a pairing stands; while one runs, wait for a change first."""
        return self._pairings.watch(principal, device_id, wait=wait)

    def status(
        self,
        principal: Principal,
        device_id: str | None,
        *,
        wait: Deadline,
        until_connected: bool,
    ) -> DeviceState:
        """Return how a device is, after waiting for a change or until it is connected."""
        state = self._state(principal, device_id)
        if wait.expired or state.device_id is None:
            return state
        with self._environment.admission.poll(principal.user_id) as may_wait:
            if not may_wait:
                return state
            return self._wait_for_state(
                principal, state, wait=wait, until_connected=until_connected
            )

    def connect(
        self, principal: Principal, device_id: str | None, *, deadline: Deadline
    ) -> ConnectResult:
        """Bring a device online. Raises DeviceNotLinked when the caller has none."""
        with self._environment.admission.command():
            device = self.choose(principal, device_id)
            observation = self._connections.connect(device, deadline)
        needs_qr = observation.status in WITHOUT_KEYS
        return ConnectResult(device.id, observation.status, needs_qr)

    def disconnect(
        self, principal: Principal, device_id: str | None, *, deadline: Deadline
    ) -> DisconnectResult:
        """Take a device offline; it keeps its keys. Raises DeviceNotLinked as `connect` does."""
        with self._environment.admission.command():
            device = self.choose(principal, device_id)
            observation = self._connections.disconnect(device, deadline)
        return DisconnectResult(device.id, observation.status)

    def logout(
        self, principal: Principal, device_id: str | None, *, deadline: Deadline
    ) -> LogoutResult:
        """Unlink a device and erase its keys. Raises DeviceNotLinked as `connect` does."""
        with self._environment.admission.command():
            device = self.choose(principal, device_id)
            unlinked = self._connections.log_out(device, deadline)
        return LogoutResult(device.id, unlinked)

    def purge(
        self, principal: Principal, device_id: str | None, *, deadline: Deadline
    ) -> LogoutResult:
        """Unlink a device and erase everything of it. Raises DeviceNotLinked as `connect` does."""
        with self._environment.admission.command():
            device = self.choose(principal, device_id)
            unlinked = self._connections.erase(device, deadline)
            self._environment.database.empty_log()
        return LogoutResult(device.id, unlinked)

    def choose(self, principal: Principal, device_id: str | None) -> Device:
        """Return the device that a request acts on. Raises DeviceNotLinked when there is none."""
        with self._environment.database.read() as transaction:
            device = choose_device(transaction, principal, device_id)
        if device is None:
            raise DeviceNotLinked
        return device

    def _state(self, principal: Principal, device_id: str | None) -> DeviceState:
        with self._environment.database.read() as transaction:
            device = choose_device(transaction, principal, device_id)
        return DeviceState(DeviceStatus.NEW) if device is None else _to_state(device)

    def _wait_for_state(
        self, principal: Principal, first: DeviceState, *, wait: Deadline, until_connected: bool
    ) -> DeviceState:
        session = self._environment.registry.session_of(self.choose(principal, first.device_id))
        while True:
            seen = session.news
            state = self._state(principal, first.device_id)
            is_reached = state.connected if until_connected else state != first
            if is_reached or not session.wait_for_news(seen, wait):
                return state


def _with_webhooks(transaction: Transaction, page: Page[Device]) -> Page[Device]:
    """Add to devices where their events go."""
    urls = webhook_rows.urls_of(transaction, [device.id for device in page.items])
    items = [replace(device, webhook_url=urls.get(device.id)) for device in page.items]
    return Page(items, page.next)


def _to_state(device: Device) -> DeviceState:
    return DeviceState(
        status=device.status,
        device_id=device.id,
        reason=device.reason,
        jid=device.jid,
        phone_number=phone_number_of(device.jid),
        is_logged_in=device.is_linked,
        last_seen_at=device.last_seen_at,
        banned_until=device.banned_until,
        app_state=device.app_state,
        unarchive_chats=device.unarchive_chats,
    )
