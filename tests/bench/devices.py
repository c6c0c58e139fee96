"""Archives a second on many devices at once, and what the number of pool threads does to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.load import Measured, Orders, measure, warm_up
from tests.bench.plan import Plan
from tests.bench.restore import METRICS, seed, wait_connected
from tests.support.service import running_service
from tests.support.simulator import running_simulator

MEANING = """Each device is of its own tenant and archived on by two connections. A pool thread
makes one patch of one device at a time, so with few of them devices wait for each other: 8 of them
make at most 160 patches a second at 50 ms, and 53 at 150 ms. With the default of 64 none waits for
the round trips of another before the processors have more than enough to do."""
HEAD = "  trip  devices   pool   archives/s   p50 ms   p99 ms"
DEVICES, EACH = 32, 2
POOLS = (8, 64, 128)
_POOLS_TRIP_MS = 50
DEFAULT_POOL = 64


@dataclass(frozen=True, slots=True)
class DevicesRow:
    """One measurement."""

    round_trip_ms: int
    devices: int
    pool: int
    wuts: Measured


def measure_devices(folder: Path, plan: Plan) -> list[DevicesRow]:
    """Measure the default pool with every round trip, and others with a usual one."""
    state = folder / "phones.json"
    seeded = seed(folder / "data", state, waseed=plan.waseed, devices=DEVICES, each=1)
    rows: list[DevicesRow] = []
    with running_simulator(folder, source=state) as simulator:
        for pool in POOLS if _POOLS_TRIP_MS in plan.round_trips_ms else (DEFAULT_POOL,):
            simulator.delay(0)
            with running_service(folder, simulator, WUTS_POOL_SIZE=str(pool), **METRICS) as service:
                wait_connected(service, DEVICES)
                warm_up(service.port, seeded.tokens)
                trips = plan.round_trips_ms if pool == DEFAULT_POOL else (_POOLS_TRIP_MS,)
                for trip in trips:
                    simulator.delay(trip)
                    orders = Orders(service.port, EACH * DEVICES, plan.seconds, seeded.tokens)
                    rows.append(DevicesRow(trip, DEVICES, pool, measure(orders)))
    return rows


def describe_devices(rows: Sequence[DevicesRow]) -> list[str]:
    """Write the table, and what was not answered 200."""
    return [MEANING, HEAD, *(_describe(row) for row in rows)]


def _describe(row: DevicesRow) -> str:
    wuts = row.wuts
    others = f"   not 200: {wuts.others}" if wuts.others else ""
    return (
        f"{row.round_trip_ms:6} {row.devices:8} {row.pool:6} {wuts.per_second:12}"
        f" {wuts.p50_ms:8} {wuts.p99_ms:8}{others}"
    )
