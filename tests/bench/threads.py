"""What the number of request threads does to archives on one device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.load import Measured, Orders, measure, warm_up
from tests.bench.plan import Plan
from tests.support.service import running_service
from tests.support.simulator import running_simulator

MEANING = """128 connections archive on one device at 50 ms. A request that waits holds a thread:
with fewer threads than connections the rest queue, and patches carry less. The default of 160 is a
thread for each of 112 commands and 32 requests that wait, and 16 for all that is answered at once;
more cost little when they wait, and each has a stack."""
HEAD = "  threads   archives/s   p50 ms   p99 ms   a patch"
THREADS = (40, 80, 160, 320)
CONNECTIONS = 128
TRIP_MS = 50


@dataclass(frozen=True, slots=True)
class ThreadsRow:
    """One measurement."""

    threads: int
    wuts: Measured
    archives_per_patch: float


def measure_threads(folder: Path, plan: Plan) -> list[ThreadsRow]:
    """Measure each number of threads in a process of its own."""
    return [measure_one(folder / str(threads), threads, plan=plan) for threads in THREADS]


def measure_one(folder: Path, threads: int, *, plan: Plan) -> ThreadsRow:
    """Measure one number; there is a slot for each thread but two."""
    folder.mkdir()
    settings = {
        "WUTS_THREADS": str(threads),
        "WUTS_COMMAND_SLOTS": str(threads - 2),
        "WUTS_POLL_SLOTS": "1",
    }
    with (
        running_simulator(folder) as simulator,
        running_service(folder, simulator, **settings) as service,
    ):
        phone = simulator.add_phone()
        caller = service.register().link(phone)
        simulator.delay(TRIP_MS)
        warm_up(service.port, [caller.token])
        before = phone.version()
        wuts = measure(Orders(service.port, CONNECTIONS, plan.seconds, [caller.token]))
        patches = max(phone.version() - before, 1)
    return ThreadsRow(threads, wuts, round(wuts.per_second * plan.seconds / patches, 1))


def describe_threads(rows: Sequence[ThreadsRow]) -> list[str]:
    """Write the table, and what was not answered 200."""
    return [MEANING, HEAD, *(_describe(row) for row in rows)]


def _describe(row: ThreadsRow) -> str:
    wuts = row.wuts
    others = f"   not 200: {wuts.others}" if wuts.others else ""
    return (
        f"{row.threads:9} {wuts.per_second:12} {wuts.p50_ms:8} {wuts.p99_ms:8}"
        f" {row.archives_per_patch:9}{others}"
    )
