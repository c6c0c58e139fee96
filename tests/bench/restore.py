"""How long it takes until many devices are back after a restart, and what each of them costs."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.processes import wait_for
from sessions.config import Network
from sessions.data_directory import DataDirectory
from sessions.store.models import MetaRow, SpoolMarkRow
from tests.soak.resources import Resources, worker_of
from tests.support.service import Service, running_service
from tests.support.sessions import running
from tests.support.simulator import running_simulator

EACH = 50
"""Devices of a tenant."""
METRICS_TOKEN = "the-token-of-the-benchmark-0123456789"
NOWHERE = Network.simulator("127.0.0.1:1", "00" * 32)
LONGEST_SECONDS = 300
CONNECTED = re.compile(r'^wuts_devices\{status="connected"\} ([0-9.]+)$', re.MULTILINE)
GOROUTINES = re.compile(r"^wuts_bridge_goroutines ([0-9.]+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Restored:
    """The devices that were there, and what their return took."""

    devices: int
    first_seconds: float
    again_seconds: float
    memory_per_device_kb: float
    threads: int
    goroutines: int


def measure_restore(folder: Path, *, waseed: Path, devices: int) -> Restored:
    """Seed devices, start the service with none and with all of them, and once more."""
    folder.mkdir(parents=True)
    state = folder / "phones.json"
    root_key = seed(folder / "data", state, waseed=waseed, devices=devices)
    empty = folder / "empty"
    empty.mkdir()
    with (
        running_simulator(folder, source=state) as simulator,
        running_service(empty, simulator) as nobody,
    ):
        assert simulator.root_key == root_key
        idle = resources_of(nobody)
        with running_service(
            folder, simulator, start=False, WUTS_METRICS_TOKEN=METRICS_TOKEN
        ) as service:
            first = timed(service.start, service, devices)
            again = timed(service.restart, service, devices)
            busy = resources_of(service)
            goroutines = int(read_metric(service, GOROUTINES))
    memory = (busy.memory_kb - idle.memory_kb) / devices
    return Restored(devices, first, again, round(memory, 1), busy.threads, goroutines)


def seed(data: Path, state: Path, *, waseed: Path, devices: int) -> str:
    """Make the rows over the stand-in bridge, then the keys and the phones; returns the root key.

    The data then forgets whose it is, because the simulator's key exists only once the phones do,
    and what the stand-in has told, because the real bridge begins to count anew.
    """
    DataDirectory(data).prepare()
    plan: list[dict[str, str]] = []
    limits = {"devices_per_user": EACH, "devices_per_tenant": EACH, "network": NOWHERE}
    with running(data, **limits) as stage:
        while len(plan) < devices:
            principal = stage.register()
            for _ in range(min(EACH, devices - len(plan))):
                device_id = stage.link(principal)
                plan.append({"tenant_id": principal.tenant_id, "device_id": device_id})
    with closing(sqlite3.connect(data / "wuts.db")) as connection, connection:
        for table in (MetaRow.__tablename__, SpoolMarkRow.__tablename__):
            connection.execute(f"DELETE FROM {table}")  # noqa: S608
    command: list[Any] = [waseed, "-devices-dir", data / "devices", "-state", state]
    done = subprocess.run(
        command, input=json.dumps(plan), text=True, capture_output=True, check=True
    )
    return str(json.loads(done.stdout)["root_key"])


def timed(start: Callable[[], None], service: Service, devices: int) -> float:
    """Start, and wait until every device is connected; returns the seconds that the return took."""
    began = time.monotonic()
    start()
    wait_for(
        lambda: read_metric(service, CONNECTED) >= devices,
        seconds=LONGEST_SECONDS,
        what=f"the return of {devices} devices",
        child=service.child,
    )
    return round(time.monotonic() - began, 1)


def read_metric(service: Service, pattern: re.Pattern[str]) -> float:
    """Read one number from the metrics; 0 when it is not there."""
    headers = {"Authorization": f"Bearer {METRICS_TOKEN}"}
    found = pattern.search(service.http.get("/metrics", headers=headers).text)
    return float(found[1]) if found else 0.0


def resources_of(service: Service) -> Resources:
    """Look at what the worker holds."""
    return Resources.of(worker_of(service.child.process.pid))
