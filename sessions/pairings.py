"""Linking a device: its codes, how far it has come, and how many may do it at once.

The lock guards which devices are about to begin; nothing blocks under it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Any

from sessions.connections import Connections
from sessions.deadline import Deadline
from sessions.environment import Environment
from sessions.errors import QuotaExceeded
from sessions.jid import parse_phone
from sessions.ownership import add_device, choose_device
from sessions.pair_codes import PairCodeQuota
from sessions.principals import Principal
from sessions.session import Session
from sessions.states import (
    IN_PAIRING,
    Device,
    DeviceKey,
    PairCode,
    PairingMethod,
    PairingState,
    PairingStatus,
    QRCode,
)
from sessions.store import devices as rows
from sessions.times import from_milliseconds
from sessions.watching import ASK_SECONDS, watch

_DEFAULT_NAME = "default"
_RETRY_SECONDS = 30.0
_RUNNING = frozenset({PairingState.WAITING, PairingState.PASSKEY, PairingState.LINKING})


class PairingSlots:
    """Keeps the pairings of a tenant, and of the process, to their limits."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._lock = Lock()
        self._starting: Counter[DeviceKey] = Counter()

    @contextmanager
    def held_by(self, device: Device) -> Iterator[None]:
        """Let a device begin to pair, or go on with it. Raises QuotaExceeded."""
        with self._lock:
            others = set(self._starting) - {device.key}
            self._starting[device.key] += 1
        try:
            if device.status not in IN_PAIRING:
                self._check(device, others)
            yield
        finally:
            with self._lock:
                self._starting[device.key] -= 1
                if not self._starting[device.key]:
                    del self._starting[device.key]

    def _check(self, device: Device, others: set[DeviceKey]) -> None:
        with self._environment.database.read() as transaction:
            running = rows.with_status(transaction, IN_PAIRING)
        busy = (others | set(running)) - {device.key}
        config = self._environment.config
        if len(busy) >= config.pairings:
            raise QuotaExceeded(
                f"at most {config.pairings} devices are linked at a time",
                retry_after=_RETRY_SECONDS,
            )
        of_tenant = sum(key.tenant_id == device.tenant_id for key in busy)
        if of_tenant >= config.pairings_per_tenant:
            raise QuotaExceeded(
                f"a tenant links at most {config.pairings_per_tenant} devices at a time",
                retry_after=_RETRY_SECONDS,
            )


class Pairings:
    """The use cases of linking."""

    def __init__(self, environment: Environment, connections: Connections) -> None:
        self._environment = environment
        self._connections = connections
        self._slots = PairingSlots(environment)
        self._pair_codes = PairCodeQuota(environment)

    def show_code(
        self, principal: Principal, device_id: str | None, *, refresh: bool, deadline: Deadline
    ) -> QRCode:
        """Return the code on show, beginning a pairing if none runs."""
        device = self._choose_or_add(principal, device_id)

        def ask(session: Session, until: Deadline) -> Mapping[str, Any]:
            return session.call("device.qr", until, refresh=refresh)

        with self._slots.held_by(device):
            code = self._connections.show_code(device, ask, deadline)
        return QRCode(
            device_id=device.id,
            code=code["code"],
            generated_at=from_milliseconds(code["generated_at"]),
            expires_at=from_milliseconds(code["expires_at"]),
            attempt=code["attempt"],
            cached=code["cached"],
        )

    def show_pair_code(
        self,
        principal: Principal,
        device_id: str | None,
        *,
        phone: str,
        refresh: bool,
        deadline: Deadline,
    ) -> PairCode:
        """Return the code that waits to be typed into that phone, making one if none does."""
        number = parse_phone(phone)
        device = self._choose_or_add(principal, device_id)

        def ask(session: Session, until: Deadline) -> Mapping[str, Any]:
            return self._ask_pair_code(session, number, refresh=refresh, until=until)

        with self._slots.held_by(device):
            code = self._connections.show_code(device, ask, deadline)
        return PairCode(
            device_id=device.id,
            code=code["code"],
            phone=number,
            expires_at=from_milliseconds(code["expires_at"]),
            cached=code["cached"],
        )

    def _ask_pair_code(
        self, session: Session, phone: str, *, refresh: bool, until: Deadline
    ) -> Mapping[str, Any]:
        def make() -> Mapping[str, Any]:
            return session.call("device.pair_code", until, phone=phone, refresh=refresh)

        pairing = session.call("device.pairing", until)
        is_shown = (pairing["state"], pairing.get("phone")) == (PairingState.WAITING, phone)
        if is_shown and not refresh:
            return make()
        with self._pair_codes.counted(phone, session.tenant_id):
            return make()

    def watch(
        self, principal: Principal, device_id: str | None, *, wait: Deadline
    ) -> PairingStatus:
        """Return how a pairing stands; while it runs, wait for a change first."""
        with self._environment.database.read() as transaction:
            device = choose_device(transaction, principal, device_id)
        if device is None:
            return PairingStatus(exists=False, state=PairingState.NONE, attempt=0)
        return watch(self._environment, principal, device, look=_ask, is_old=_is_old, wait=wait)

    def _choose_or_add(self, principal: Principal, device_id: str | None) -> Device:
        with self._environment.database.read() as transaction:
            device = choose_device(transaction, principal, device_id)
        if device is not None:
            return device
        with self._environment.database.write() as transaction:
            # Again, because another request of the caller's may have added one since.
            return choose_device(transaction, principal, device_id) or add_device(
                transaction, self._environment, principal=principal, name=_DEFAULT_NAME
            )


def _ask(session: Session) -> PairingStatus:
    return _to_status(session.ask("device.pairing", Deadline.after(ASK_SECONDS)))


def _is_old(first: PairingStatus, present: PairingStatus) -> bool:
    return present == first and first.state in _RUNNING


def _to_status(pairing: Mapping[str, Any]) -> PairingStatus:
    state = PairingState(pairing["state"])
    method = pairing.get("method")
    generated_at = pairing.get("generated_at")
    expires_at = pairing.get("expires_at")
    return PairingStatus(
        exists=state is PairingState.WAITING and generated_at is not None,
        state=state,
        attempt=pairing["attempt"],
        method=None if method is None else PairingMethod(method),
        generated_at=None if generated_at is None else from_milliseconds(generated_at),
        expires_at=None if expires_at is None else from_milliseconds(expires_at),
        reason=pairing.get("reason"),
    )
