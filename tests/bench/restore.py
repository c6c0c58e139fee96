"""How long it takes until many devices are back after a restart, and what each of them costs."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.processes import wait_for
from sessions.config import Network
from sessions.data_directory import DataDirectory
from sessions.store.models import MetaRow, SpoolMarkRow
from tests.bench.plan import Plan
from tests.soak.resources import Resources
from tests.support.service import Service, free_port, running_service
from tests.support.sessions import running
from tests.support.simulator import running_simulator

EACH = 50
"""Devices of a tenant."""
METRICS_TOKEN = "the-token-of-the-benchmark-0123456789"
METRICS = {"WUTS_METRICS_TOKEN": METRICS_TOKEN}
NOWHERE = Network.simulator("127.0.0.1:1", "00" * 32)
LONGEST_SECONDS = 300
CONNECTED = re.compile(r'^wuts_devices\{status="connected"\} ([0-9.]+)$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Restored:
    """The devices that were there, and what their return took."""

    devices: int
    first_seconds: float
    again_seconds: float
    memory_per_device_kb: float
    threads: int
    goroutines: int


@dataclass(frozen=True, slots=True)
class Seeded:
    """Devices that are linked: the key of the simulator that knows them, and a token a tenant."""

    root_key: str
    tokens: Sequence[str]


def measure_restore(folder: Path, plan: Plan) -> Restored:
    """Seed devices, start the service with none and with all of them, and once more."""
    state, devices = folder / "phones.json", plan.devices
    seeded = seed(folder / "data", state, waseed=plan.waseed, devices=devices, each=EACH)
    empty = folder / "empty"
    empty.mkdir()
    with (
        running_simulator(folder, source=state) as simulator,
        running_service(empty, simulator, **managed()) as nobody,
    ):
        assert simulator.root_key == seeded.root_key
        idle = Resources.of(nobody)
        settings = {**METRICS, **managed()}
        with running_service(folder, simulator, start=False, **settings) as service:
            first = timed(service.start, service, devices)
            again = timed(service.restart, service, devices)
            busy = Resources.of(service)
    memory = (busy.memory_kb - idle.memory_kb) / devices
    return Restored(
        devices, first, again, round(memory, 1), threads=busy.threads, goroutines=busy.goroutines
    )


def managed() -> dict[str, str]:
    """Return the setting of a management listener."""
    return {"WUTS_MANAGEMENT_BIND": f"127.0.0.1:{free_port()}"}


def seed(data: Path, state: Path, *, waseed: Path, devices: int, each: int) -> Seeded:
    """Make the rows over the stand-in bridge, `each` a tenant, then the keys and the phones.

    The data then forgets whose it is, because the simulator's key exists only once the phones do,
    and what the stand-in has told, because the real bridge begins to count anew.
    """
    DataDirectory(data).prepare()
    plan: list[dict[str, str]] = []
    tokens: list[str] = []
    limits = {"devices_per_user": each, "devices_per_tenant": each, "network": NOWHERE}
    with running(data, **limits) as stage:
        while len(plan) < devices:
            name = f"Tenant {len(tokens)}"
            tokens.append(stage.service.tenants.register(name, "admin@example.com").token)
            principal = stage.service.tokens.authenticate(tokens[-1])
            for _ in range(min(each, devices - len(plan))):
                device_id = stage.link(principal)
                plan.append({"tenant_id": principal.tenant_id, "device_id": device_id})
    with closing(sqlite3.connect(data / "wuts.db")) as connection, connection:
        for table in (MetaRow.__tablename__, SpoolMarkRow.__tablename__):
            connection.execute(f"DELETE FROM {table}")  # noqa: S608
    command: list[Any] = [waseed, "-devices-dir", data / "devices", "-state", state]
    done = subprocess.run(
        command, input=json.dumps(plan), text=True, capture_output=True, check=True
    )
    return Seeded(str(json.loads(done.stdout)["root_key"]), tokens)


def timed(start: Callable[[], None], service: Service, devices: int) -> float:
    """Start, and wait until every device is connected; returns the seconds that the return took."""
    began = time.monotonic()
    start()
    wait_connected(service, devices)
    return round(time.monotonic() - began, 1)


def wait_connected(service: Service, devices: int) -> None:
    """Wait until so many devices are connected; the service has the settings METRICS."""
    wait_for(
        lambda: read_metric(service, CONNECTED) >= devices,
        seconds=LONGEST_SECONDS,
        what=f"the return of {devices} devices",
        child=service.child,
    )


def read_metric(service: Service, pattern: re.Pattern[str]) -> float:
    """Read one number from the metrics; 0 when it is not there."""
    headers = {"Authorization": f"Bearer {METRICS_TOKEN}"}
    found = pattern.search(service.http.get("/metrics", headers=headers).text)
    return float(found[1]) if found else 0.0


def describe_restore(done: Restored) -> list[str]:
    """Write the figures."""
    return [
        f"{done.devices} devices are back in {done.again_seconds} s"
        f" ({done.first_seconds} s the first time, with a full synchronisation of each);",
        f"{done.memory_per_device_kb} kB of memory a device beyond an empty service,"
        f" {done.threads} threads, {done.goroutines} goroutines.",
    ]
