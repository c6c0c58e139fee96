"""The live side of one device: its lanes into the bridge, and those who wait for news of it.

The lock guards the lanes, the count of waiting requests and the watchers; nothing blocks under it.
Request threads block in their waiter, pool threads in the bridge, and before it for a look into the
mirror: how chats are addressed is found out once a patch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Any, TypeVar

from bridge.errors import BridgeCode, BridgeError
from bridge.interface import Bridge
from sessions.addresses import AddressBook
from sessions.app_state import Change, Draft, Merger, MutationRequest
from sessions.bridge_errors import from_bridge_error
from sessions.config import ServiceConfig
from sessions.deadline import Deadline
from sessions.errors import DeviceBusy, DeviceTimeout, ServiceError
from sessions.lane import Command, CommandQueue, Lane, run_command
from sessions.metrics import Metrics
from sessions.pool import Pool
from sessions.states import DeviceKey
from sessions.waiting import Waiter, WaitingRoom

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Machinery:
    """What every session works with."""

    bridge: Bridge
    pool: Pool
    room: WaitingRoom
    config: ServiceConfig
    metrics: Metrics
    book: AddressBook
    clock: Callable[[], float] = time.monotonic

    def build_lane(
        self, tenant_id: str, queue: Any, execute: Callable[[Any], None]
    ) -> Lane[Any, Any]:
        """Make a lane whose jobs run in the pool, on the tenant's account."""
        return Lane(
            queue,
            execute,
            schedule=lambda task: self.pool.submit(tenant_id, task),
            limit=self.config.lane_limit,
        )

    def ask_for_tenant(
        self, method: str, tenant_id: str, *, deadline: Deadline
    ) -> Mapping[str, Any]:
        """Invoke a method that takes nothing but the tenant, beside everything else."""

        def run(until: Deadline) -> Mapping[str, Any]:
            return self.invoke(method, {"tenant_id": tenant_id}, deadline=until)

        with self.room.enter() as waiter:
            command = Command(run, deadline, waiter, self.clock())
            self.build_lane(tenant_id, CommandQueue(), run_command).submit(command)
            outcome: Mapping[str, Any] = waiter.wait(deadline)
            return outcome

    def invoke(
        self, method: str, params: Mapping[str, Any], *, deadline: Deadline
    ) -> Mapping[str, Any]:
        """Invoke a method of the bridge and block for its result.

        Raises BridgeError, and DeviceTimeout if no time is left: the bridge takes no timeout of 0.
        """
        timeout_ms = deadline.remaining_ms()
        if timeout_ms == 0:
            raise DeviceTimeout
        return self.bridge.call(method, params, timeout_ms=timeout_ms)


class Session:
    """Drives one device through the bridge.

    `control`, `ask`, `apply` and `apply_all` block until the outcome is there or the deadline has
    passed. They raise the errors of `bridge_errors`, DeviceTimeout, DeviceBusy and ShuttingDown.
    """

    def __init__(self, tenant_id: str, device_id: str, *, machinery: Machinery) -> None:
        self.tenant_id = tenant_id
        self.device_id = device_id
        self._machinery = machinery
        self._lock = Lock()
        self._waiting = 0
        self._news = 0
        self._watchers: set[Waiter[None]] = set()
        self._is_created = False
        self._control = self._lane(CommandQueue(), run_command)
        self._collections: dict[str, Lane[MutationRequest, Draft]] = {}

    @property
    def waiting(self) -> int:
        """How many requests wait for this device."""
        return self._waiting

    def control(self, run: Callable[[Deadline], T], deadline: Deadline) -> T:
        """Run a command (connect, disconnect, logout, pairing) after those that came before it."""
        with self._enter() as waiter:
            self._control.submit(self._command(run, waiter, deadline))
            outcome: T = waiter.wait(deadline)
            return outcome

    def ask(self, method: str, deadline: Deadline, **params: Any) -> Mapping[str, Any]:
        """Invoke a method that needs no order, beside everything else."""
        with self._enter() as waiter:
            command = self._command(
                lambda until: self.call(method, until, **params), waiter, deadline
            )
            # A lane for this question alone: it follows nothing, and nothing follows it.
            self._lane(CommandQueue(), run_command).submit(command)
            outcome: Mapping[str, Any] = waiter.wait(deadline)
            return outcome

    def apply(self, change: Change, chat_jid: str, *, deadline: Deadline) -> None:
        """Have a change of one chat accepted by the server."""
        with self._enter() as waiter:
            now = self._machinery.clock()
            request = MutationRequest(chat_jid, change, deadline, waiter, now)
            self._collection(change.collection).submit(request)
            waiter.wait(deadline)

    def apply_all(
        self, change: Change, chat_jids: Sequence[str], *, deadline: Deadline
    ) -> Sequence[ServiceError | None]:
        """Have a change accepted of several chats; returns what went wrong with each.

        They count as one request, and travel in as few patches as they fit into.
        """
        with self._counted(), ExitStack() as inside:
            now = self._machinery.clock()
            waiters = [inside.enter_context(self._machinery.room.enter()) for _ in chat_jids]
            requests = [
                MutationRequest(chat_jid, change, deadline, waiter, now)
                for chat_jid, waiter in zip(chat_jids, waiters, strict=True)
            ]
            self._collection(change.collection).submit(*requests)
            return [waiter.error_of_wait(deadline) for waiter in waiters]

    def call(self, method: str, deadline: Deadline, **params: Any) -> Mapping[str, Any]:
        """Invoke a method of this device and block for its result. For commands, in a pool thread.

        Raises BridgeError, and DeviceTimeout if no time is left.
        """
        if not self._is_created:
            self._invoke("device.create", deadline, {})
            self._is_created = True
        return self._invoke(method, deadline, params)

    def retire(self) -> None:
        """Never make the device again in the bridge, which has erased it; wake all who watch it."""
        self._is_created = True
        self.notify()

    @property
    def news(self) -> int:
        """How often something new was committed about this device."""
        return self._news

    def notify(self) -> None:
        """Wake those who wait for news of this device."""
        with self._lock:
            self._news += 1
            woken, self._watchers = self._watchers, set()
        for watcher in woken:
            watcher.succeed(None)

    def wait_for_news(self, seen: int, deadline: Deadline) -> bool:
        """Block until there is more news than `seen`; returns whether there is by the deadline."""
        with self._machinery.room.enter() as waiter:
            with self._lock:
                if self._news != seen:
                    return True
                self._watchers.add(waiter)
            try:
                waiter.wait(deadline)
            except DeviceTimeout:
                return False
            finally:
                with self._lock:
                    self._watchers.discard(waiter)
            return True

    def _invoke(
        self, method: str, deadline: Deadline, params: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        device = {"tenant_id": self.tenant_id, "device_id": self.device_id}
        return self._machinery.invoke(method, {**device, **params}, deadline=deadline)

    def _try_patch(self, collection: str, draft: Draft) -> None:
        try:
            self._send_patch(collection, draft)
        except BridgeError as error:
            if error.code is BridgeCode.DEVICE_NOT_CONNECTED:
                # Those behind it have waited for the connection, too.
                self._collection(collection).fail_waiting(partial(from_bridge_error, error))
            raise

    def _send_patch(self, collection: str, draft: Draft) -> None:
        chat_jids = draft.chat_jids
        found = self._machinery.book(DeviceKey(self.tenant_id, self.device_id), chat_jids)
        patch = draft.address(dict(zip(chat_jids, found, strict=True)))
        result = self.call(
            "app_state.apply",
            draft.deadline,
            collection=collection,
            mutations=[mutation.to_bridge() for mutation in patch.mutations],
        )
        self._machinery.metrics.count_patch(len(patch.mutations))
        patch.settle(rejection["position"] for rejection in result["rejected"])

    def _collection(self, name: str) -> Lane[MutationRequest, Draft]:
        with self._lock:
            lane = self._collections.get(name)
            if lane is None:
                lane = self._lane(Merger(), lambda draft: self._try_patch(name, draft))
                self._collections[name] = lane
            return lane

    def _lane(self, queue: Any, execute: Callable[[Any], None]) -> Lane[Any, Any]:
        return self._machinery.build_lane(self.tenant_id, queue, execute)

    def _command(
        self, run: Callable[[Deadline], Any], waiter: Waiter[Any], deadline: Deadline
    ) -> Command:
        return Command(run, deadline, waiter, self._machinery.clock())

    @contextmanager
    def _enter(self) -> Iterator[Waiter[Any]]:
        """Count a waiting request in and give it a waiter."""
        with self._counted(), self._machinery.room.enter() as waiter:
            yield waiter

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Count a waiting request in, unless the device is slow and enough wait for it already."""
        is_slow = self._is_slow()
        with self._lock:
            if is_slow and self._waiting >= self._machinery.config.busy_waiters:
                raise DeviceBusy
            self._waiting += 1
        try:
            yield
        finally:
            with self._lock:
                self._waiting -= 1

    def _is_slow(self) -> bool:
        with self._lock:
            lanes = [self._control, *self._collections.values()]
        now = self._machinery.clock()
        return any(lane.age(now) > self._machinery.config.busy_after_seconds for lane in lanes)
