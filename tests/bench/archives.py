"""Archives a second on one device, by round trip and connections, beside the yardstick."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.bare import THREADS, running_bare
from tests.bench.load import Measured, Orders, measure, warm_up
from tests.bench.plan import Plan
from tests.support.service import Caller, running_service
from tests.support.simulator import running_simulator

MEANING = """Each connection sends one archive after the other on one device, and each answer means
that the server has accepted it. The yardstick is a bare Flask-smorest route that sleeps one round
trip, with the same server settings. A ratio of 1 says: nothing lost to the bare framework. With
several connections archives share patches (archives a patch), with one they can't: there the ratio
shows what a request costs beyond its round trip."""
HEAD = "  trip  conns   archives/s   p50 ms   p99 ms |   bare/s   p50 ms   p99 ms |  ratio  a patch"
POLLS = 16
SETTINGS = {
    "WUTS_THREADS": str(THREADS),
    "WUTS_COMMAND_SLOTS": str(THREADS - POLLS - 1),
    "WUTS_POLL_SLOTS": str(POLLS),
}
"""A slot for each connection, so that nothing is refused: what is measured is the work."""


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement. `ratio` is archives a second here by requests a second of the yardstick."""

    round_trip_ms: int
    connections: int
    wuts: Measured
    bare: Measured
    ratio: float
    patches: int
    archives_per_patch: float


def measure_archives(folder: Path, plan: Plan) -> list[Row]:
    """Measure every combination."""
    with (
        running_simulator(folder) as simulator,
        running_service(folder, simulator, **SETTINGS) as service,
    ):
        caller = service.register().link(simulator.add_phone())
        return [
            row
            for round_trip_ms in plan.round_trips_ms
            for row in measure_round_trip(folder, caller, round_trip_ms, plan=plan)
        ]


def measure_round_trip(
    folder: Path, caller: Caller, round_trip_ms: int, *, plan: Plan
) -> Sequence[Row]:
    """Measure with one round trip; the service and the yardstick never at once."""
    phone = caller.phone
    assert phone is not None
    phone.simulator.delay(round_trip_ms)
    rows: list[Row] = []
    with running_bare(folder, wait_ms=round_trip_ms) as port:
        warm_up(port)
        warm_up(caller.service.port, [caller.token])
        for connections in plan.connections:
            before = phone.version()
            orders = Orders(caller.service.port, connections, plan.seconds, [caller.token])
            wuts = measure(orders)
            patches = phone.version() - before
            bare = measure(Orders(port, connections, plan.seconds))
            rows.append(
                Row(
                    round_trip_ms,
                    connections,
                    wuts,
                    bare,
                    ratio=round(wuts.per_second / max(bare.per_second, 0.1), 2),
                    patches=patches,
                    archives_per_patch=round(wuts.per_second * plan.seconds / max(patches, 1), 1),
                )
            )
    return rows


def describe_archives(rows: Sequence[Row]) -> list[str]:
    """Write the table, and what was not answered 200."""
    return [MEANING, HEAD, *(_describe(row) for row in rows)]


def _describe(row: Row) -> str:
    wuts, bare = row.wuts, row.bare
    others = f"   not 200: {wuts.others} {bare.others}" if wuts.others or bare.others else ""
    return (
        f"{row.round_trip_ms:6} {row.connections:6} {wuts.per_second:12} {wuts.p50_ms:8}"
        f" {wuts.p99_ms:8} | {bare.per_second:8} {bare.p50_ms:8} {bare.p99_ms:8} |"
        f" {row.ratio:6} {row.archives_per_patch:8}{others}"
    )
