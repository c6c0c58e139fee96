"""The service without HTTP, over the stand-in bridge, and threads to use it with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Condition, current_thread
from typing import Any

from sqlalchemy import event

from bridge.fake import FakeBridge
from sessions.config import Network, ServiceConfig
from sessions.deadline import Deadline
from sessions.paging import PageRequest
from sessions.principals import Principal
from sessions.service import Service, build_service
from sessions.states import Device
from sessions.store.database import Database
from sessions.times import utc_now

SECONDS = 10.0
"""How long a test waits for what must happen."""


def soon() -> Deadline:
    """Return a deadline that no healthy test reaches."""
    return Deadline.after(SECONDS)


def at_once() -> Deadline:
    """Return a deadline that has passed."""
    return Deadline.after(0)


def wait_until(is_true: Callable[[], bool]) -> None:
    """Block until a condition holds, or fail."""
    condition = Condition()
    deadline = soon()
    with condition:
        while not is_true():
            assert not deadline.expired, "it did not come true in time"
            condition.wait(0.005)


@dataclass(frozen=True, slots=True)
class Stage:
    """A running service, its bridge, and short ways to use them."""

    service: Service
    bridge: FakeBridge
    path: Path
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 10_000)))

    def register(self) -> Principal:
        """Make a tenant and return its admin."""
        name = f"Tenant {next(self.numbers)}"
        token = self.service.tenants.register(name, "admin@example.com").token
        return self.service.tokens.authenticate(token)

    def link(self, principal: Principal, name: str = "phone") -> str:
        """Make a device, link it, wait until it is connected, and return its id."""
        device = self.service.devices.create(principal, name)
        self.show_code(principal, device.id)
        self.bridge.link(device.id, f"1555{next(self.numbers):07}")
        state = self.service.devices.status(principal, device.id, wait=soon(), until_connected=True)
        assert state.connected
        return device.id

    def devices(self, principal: Principal) -> Sequence[Device]:
        """Return the devices that somebody may name, oldest first."""
        return self.service.devices.list(principal, PageRequest(1000)).items

    def show_code(self, principal: Principal, device_id: str | None = None) -> Any:
        """Return a QR code."""
        return self.service.devices.qr(principal, device_id, refresh=False, deadline=soon())

    def archive(
        self,
        principal: Principal,
        chat: str,
        *,
        archived: bool = True,
        device_id: str | None = None,
        deadline: Deadline | None = None,
    ) -> str:
        """Archive a chat."""
        return self.service.chats.archive(
            principal,
            chat,
            archived=archived,
            last_message_timestamp=None,
            device_id=device_id,
            deadline=deadline or soon(),
        )

    def status(self, principal: Principal, device_id: str | None = None) -> Any:
        """Return the state of a device as it is known now."""
        return self.service.devices.status(
            principal, device_id, wait=at_once(), until_connected=False
        )


@cache
def empty_database() -> bytes:
    """Return the file of a database that nobody has used: made once, for it takes a while."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "wuts.db")
        database = Database(path)
        database.open()
        database.empty_log()
        database.close()
        return path.read_bytes()


def lay_out(data: Path) -> None:
    """Put an unused database into a data directory that has none."""
    path = data / "wuts.db"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_bytes(empty_database())


@contextmanager
def running(path: Path, bridge: FakeBridge | None = None, **limits: Any) -> Iterator[Stage]:
    """Run a service on a folder; `now` is its clock, if not the wall's."""
    lay_out(path)
    bridge = bridge or FakeBridge()
    now = limits.pop("now", utc_now)
    network = limits.pop("network", Network.whatsapp())
    config = ServiceConfig(path, network, **{"pool_size": 16, **limits})
    service = build_service(config, bridge, now=now)
    service.start()
    try:
        yield Stage(service, bridge, path)
    finally:
        service.stop(soon())


@contextmanager
def reading(stage: Stage, thread: str | None = None) -> Iterator[list[str]]:
    """Collect the statements that read while the block runs; those of writers are left out.

    They are those of threads whose names begin so, or without a name those of the present thread.
    """
    statements: list[str] = []
    wanted = thread or current_thread().name

    def note(*arguments: object) -> None:
        if current_thread().name.startswith(wanted):
            statements.append(str(arguments[2]))

    with stage.service._environment.database.read() as transaction:
        engine = transaction.get_bind().engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


@contextmanager
def threads(actions: Sequence[Callable[[], Any]]) -> Iterator[list[Any]]:
    """Run actions in a thread each while the block runs; afterwards the list holds their outcomes.

    An outcome is what the action returned, or the exception that it raised.
    """
    outcomes: list[Any] = []
    with ThreadPoolExecutor(len(actions)) as executor:
        futures = [executor.submit(action) for action in actions]
        yield outcomes
        for future in futures:
            error = future.exception(SECONDS)
            outcomes.append(future.result() if error is None else error)
