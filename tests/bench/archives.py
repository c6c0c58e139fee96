"""Archives a second on one device, by round trip and connections, beside the yardstick."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.bare import running_bare
from tests.bench.load import Measured, Orders, measure
from tests.support.service import Caller, running_service
from tests.support.simulator import running_simulator

ROUND_TRIPS_MS = (0, 50, 150)
CONNECTIONS = (1, 64, 128)
SETTINGS = {"WUTS_COMMAND_SLOTS": "128", "WUTS_POLL_SLOTS": "16"}
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


def measure_archives(folder: Path, *, seconds: float) -> list[Row]:
    """Measure every combination."""
    folder.mkdir(parents=True)
    with (
        running_simulator(folder) as simulator,
        running_service(folder, simulator, **SETTINGS) as service,
    ):
        caller = service.register().link(simulator.add_phone())
        return [
            row
            for round_trip_ms in ROUND_TRIPS_MS
            for row in measure_round_trip(folder, caller, round_trip_ms, seconds=seconds)
        ]


def measure_round_trip(
    folder: Path, caller: Caller, round_trip_ms: int, *, seconds: float
) -> Sequence[Row]:
    """Measure with one round trip; the service and the yardstick never at once."""
    phone = caller.phone
    assert phone is not None
    if round_trip_ms:
        phone.fault(direction="both", action="delay", ms=round_trip_ms // 2)
    rows: list[Row] = []
    with running_bare(folder, wait_ms=round_trip_ms) as port:
        for connections in CONNECTIONS:
            before = phone.version()
            wuts = measure(Orders(caller.service.port, connections, seconds, caller.token))
            patches = phone.version() - before
            bare = measure(Orders(port, connections, seconds))
            rows.append(
                Row(
                    round_trip_ms,
                    connections,
                    wuts,
                    bare,
                    ratio=round(wuts.per_second / max(bare.per_second, 0.1), 2),
                    patches=patches,
                    archives_per_patch=round(wuts.per_second * seconds / max(patches, 1), 1),
                )
            )
    phone.simulator.delete("/v1/faults")
    return rows
