"""A complete stand-in for the bridge, in memory: for tests, and to read what a bridge does.

It keeps docs/bridge.md: devices, pairing, app state, events in batches, acknowledgements. Tests
steer it: `link`, `set_status`, `hold` (a gate in front of a method), `fail_next`, `calls`.

One lock guards everything. Threads block without it at gates, and on its condition for events.
"""

from __future__ import annotations

import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Condition
from typing import Any

from bridge.errors import RETRYABLE, BridgeCode, BridgeError
from bridge.fake_devices import STATUSES, FakeDevice
from bridge.fake_gates import Gate
from bridge.fake_methods import METHODS, SPOOLED, timeout_of
from bridge.fake_talk import build_offer
from bridge.interface import Event, EventBatch

_IDS = ("tenant_id", "device_id")
# What never happens here.
_STILL = (
    "goroutines",
    "reconnects",
    "conflicts",
    "refusals",
    "lost_answers",
    "full_syncs",
    "copies_asked",
    "copies_taken",
    "wedged",
    "logouts_after_write",
)
_START_FIELDS = {"devices_dir", "network", "os_name", "wa_version", "spool_limit", "log_level"}


@dataclass(frozen=True, slots=True)
class Call:
    """A call as it came."""

    method: str
    params: Mapping[str, Any]
    timeout_ms: int


class FakeBridge:
    """Implements bridge.interface.Bridge."""

    def __init__(self, now: Callable[[], int] | None = None) -> None:
        self.calls: list[Call] = []
        self.config: Mapping[str, Any] | None = None
        self._now = now or _now
        self._condition = Condition()
        self._devices: dict[tuple[str, str], FakeDevice] = {}
        self._gates: dict[str, Gate] = {}
        self._failures: dict[str, deque[BridgeCode]] = {}
        self._spool_ids: Counter[str] = Counter()
        self._queue: deque[Event] = deque()
        self._batch = EventBatch(0, ())
        self._is_acknowledged = True
        self._is_stopped = False

    def start(self, config: Mapping[str, Any]) -> Mapping[str, Any]:
        """Start the bridge once in this process."""
        if set(config) - _START_FIELDS or not {"devices_dir", "network"} <= set(config):
            raise BridgeError(BridgeCode.INVALID_ARGUMENT, "not a configuration of the bridge")
        with self._condition:
            if self.config is not None:
                raise BridgeError(BridgeCode.INVALID_ARGUMENT, "the bridge is started already")
            self.config = dict(config)
            return {"whatsmeow": "fake", "stores": len({key[0] for key in self._devices})}

    def call(self, method: str, params: Mapping[str, Any], *, timeout_ms: int) -> Mapping[str, Any]:
        """Invoke a method and return its result within the timeout."""
        with self._condition:
            self.calls.append(Call(method, dict(params), timeout_ms))
            self._check_running()
            gate = self._gates.get(method)
        if timeout_ms <= 0:
            raise BridgeError(BridgeCode.INVALID_ARGUMENT, "the timeout is not positive")
        if gate is not None and not gate.pass_through(timeout_ms / 1000):
            raise BridgeError(timeout_of(method), "the deadline passed", retryable=True)
        with self._condition:
            self._check_running()
            failures = self._failures.get(method)
            if failures:
                code = failures.popleft()
                raise BridgeError(code, "as the test wants it", retryable=code in RETRYABLE)
            return self._run(method, dict(params))

    def next_events(self, ack: int, *, timeout_ms: int) -> EventBatch:
        """Acknowledge the batch `ack` and wait for the next one. One caller at a time."""
        with self._condition:
            self._is_acknowledged = self._is_acknowledged or ack >= self._batch.number
            if not self._is_acknowledged:
                return self._batch
            self._condition.wait_for(lambda: self._queue or self._is_stopped, timeout_ms / 1000)
            self._check_running()
            if not self._queue:
                return EventBatch(self._batch.number, ())
            self._batch = EventBatch(self._batch.number + 1, tuple(self._queue))
            self._queue.clear()
            self._is_acknowledged = False
            return self._batch

    def stop(self, *, deadline_ms: int) -> None:  # noqa: ARG002 - it takes no time
        """Close every client; later calls raise BridgeError with STOPPED."""
        with self._condition:
            self._is_stopped = True
            self._condition.notify_all()
            gates = list(self._gates.values())
        for gate in gates:
            gate.open()

    def reopen(self) -> FakeBridge:
        """Return the bridge of a next process: with the keys, and what was not acknowledged."""
        successor = FakeBridge(self._now)
        with self._condition, successor._condition:
            unread = () if self._is_acknowledged else self._batch.events
            left = [event for event in (*unread, *self._queue) if event.spool_id is not None]
            successor._queue.extend(left)
            successor._spool_ids = Counter(self._spool_ids)
            for key, device in self._devices.items():
                successor._devices[key] = device.after_restart(successor._emit)
                successor._devices[key].report_collections()
        return successor

    def device(self, device_id: str) -> FakeDevice:
        """Return a device to look at. Raises KeyError."""
        with self._condition:
            return self._find(device_id)

    def link(self, device_id: str, phone: str = "15550000001", *, lid: str | None = None) -> None:
        """Let a phone with that number scan the code on show."""
        with self._condition:
            device = self._find(device_id)
            jid = f"{phone}@s.whatsapp.net"
            device.link(jid, lid=lid and f"{lid}@lid", push_name=f"Phone {phone[-4:]}")

    def ask_passkey(self, device_id: str) -> None:
        """Let a phone take the code on show, whose owner has to confirm it with a passkey."""
        with self._condition:
            self._find(device_id).ask_passkey()

    def show_passkey(self, device_id: str, code: str, *, compare: bool = False) -> None:
        """Let that phone show its code, which the owner has to compare or not."""
        with self._condition:
            self._find(device_id).show_passkey(code, compare=compare)

    def set_status(
        self,
        device_id: str,
        status: str,
        reason: str | None = None,
        *,
        banned_until: int | None = None,
    ) -> None:
        """Let the server put a device in a status; `logged_out` takes its keys."""
        with self._condition:
            device = self._find(device_id)
            if status == "logged_out":
                device.forget_account(status, reason or "server")
            else:
                device.move(status, reason, banned_until=banned_until)

    def set_collection(self, device_id: str, name: str, state: str) -> None:
        """Let a collection get into a state, and report it."""
        with self._condition:
            device = self._find(device_id)
            device.app_state = state
            status = {"collection": name, "version": device.versions[name], "state": state}
            device.emit(device, "app_state.status", status)

    def ring(self, device_id: str, call_id: str, caller: str, **fields: Any) -> None:
        """Let somebody call a device; `fields` of the offer may differ, and None removes one."""
        with self._condition:
            offer = build_offer(call_id, caller, now=self._now(), **fields)
            self._emit(self._find(device_id), "call.offer", offer)

    def end_call(
        self, device_id: str, call_id: str, caller: str, *, event: str, reason: str | None = None
    ) -> None:
        """Let a call be accepted, rejected or ended: `event` is the type of what is reported."""
        data = {"call_id": call_id, "from": caller, "creator": caller}
        with self._condition:
            known = data | ({} if reason is None else {"reason": reason})
            self._emit(self._find(device_id), event, known)

    def emit(self, event: Event) -> None:
        """Report an event as it is given; `spool_id` included."""
        with self._condition:
            self._queue.append(event)
            self._condition.notify_all()

    def fail_next(self, method: str, *codes: BridgeCode) -> None:
        """Let the next calls of a method fail, one with each code."""
        with self._condition:
            self._failures.setdefault(method, deque()).extend(codes)

    @contextmanager
    def hold(self, method: str) -> Iterator[Gate]:
        """Hold the calls of a method up as long as the block lasts, or until the gate is opened."""
        gate = Gate()
        with self._condition:
            self._gates[method] = gate
        try:
            yield gate
        finally:
            gate.open()
            with self._condition:
                del self._gates[method]

    def calls_of(self, method: str) -> list[Call]:
        """Return the calls of a method, in order."""
        return [call for call in list(self.calls) if call.method == method]

    def _run(self, method: str, params: dict[str, Any]) -> Mapping[str, Any]:
        of_all: dict[str, Callable[..., Mapping[str, Any]]] = {
            "bridge.stats": self._count,
            "tenant.erase": self._erase_tenant,
            "device.list": self._list,
            "device.create": self._create,
            "device.erase": self._erase,
        }
        if method not in METHODS and method not in of_all:
            raise BridgeError(BridgeCode.UNKNOWN_METHOD, "no such method")
        try:
            ids = {name: _uuid(params.pop(name)) for name in _IDS if name in params}
            if method in of_all:
                return of_all[method](**ids, **params)
            tenant_id, device_id = ids["tenant_id"], ids["device_id"]
            device = self._devices.get((tenant_id, device_id))
            if device is None:
                raise BridgeError(BridgeCode.DEVICE_NOT_FOUND, "no such device")
            return METHODS[method](device, **params)
        except (KeyError, TypeError, ValueError) as error:
            raise BridgeError(BridgeCode.INVALID_ARGUMENT, "the params don't fit") from error

    def _create(self, tenant_id: str, device_id: str) -> Mapping[str, Any]:
        device = FakeDevice(tenant_id, device_id, emit=self._emit, now=self._now)
        self._devices.setdefault((tenant_id, device_id), device)
        return {}

    def _list(self, tenant_id: str) -> Mapping[str, Any]:
        return {"devices": [device.describe() for device in self._of(tenant_id)]}

    def _of(self, tenant_id: str) -> list[FakeDevice]:
        return [device for key, device in self._devices.items() if key[0] == tenant_id]

    def _erase(self, tenant_id: str, device_id: str) -> Mapping[str, Any]:
        device = self._devices.pop((tenant_id, device_id), None)
        return {"unlinked": device is not None and device.erase()}

    def _erase_tenant(self, tenant_id: str) -> Mapping[str, Any]:
        devices = self._of(tenant_id)
        erased = [self._erase(tenant_id, device.device_id) for device in devices]
        return {"devices": len(devices), "unlinked": sum(one["unlinked"] for one in erased)}

    def _count(self) -> Mapping[str, Any]:
        devices = list(self._devices.values())
        counted = Counter(device.status for device in devices)
        patches = [patch for device in devices for patch in device.patches]
        return {
            "devices": {status: counted[status] for status in STATUSES},
            "stores": len({device.tenant_id for device in devices}),
            "queued_events": len(self._queue),
            "patches": len(patches),
            "mutations": sum(len(patch) for patch in patches),
            **dict.fromkeys(_STILL, 0),
        }

    def _find(self, device_id: str) -> FakeDevice:
        return {key[1]: device for key, device in self._devices.items()}[device_id]

    def _emit(self, device: FakeDevice, kind: str, data: Mapping[str, Any]) -> None:
        spool_id = None
        if kind in SPOOLED:
            self._spool_ids[device.tenant_id] += 1
            spool_id = self._spool_ids[device.tenant_id]
        event = Event(device.tenant_id, device.device_id, kind, self._now(), dict(data), spool_id)
        self._queue.append(event)
        self._condition.notify_all()

    def _check_running(self) -> None:
        if self._is_stopped or self.config is None:
            raise BridgeError(BridgeCode.STOPPED, "the bridge does not run", retryable=True)


def _uuid(text: str) -> str:
    if str(uuid.UUID(text)) != text:
        raise ValueError("not a lower-case UUID")
    return text


def _now() -> int:
    return time.time_ns() // 1_000_000
