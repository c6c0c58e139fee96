"""What a run of the benchmark is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how much to measure. `seconds` is the length of each measurement.

    `devices` are those that come back after a restart, `chats` the sizes of accounts.
    """

    seconds: float
    round_trips_ms: Sequence[int]
    connections: Sequence[int]
    chats: Sequence[int]
    devices: int
    waseed: Path
    waplain: Path


def build_plan(*, is_quick: bool, seconds: float, devices: int, binaries: Path) -> Plan:
    """Make the plan of a whole run, of nine minutes or so, or of a short look."""
    waseed, waplain = binaries / "waseed", binaries / "waplain"
    if is_quick:
        return Plan(1, (50,), (64, 128), (100, 1000), min(devices, 50), waseed, waplain)
    sizes = (100, 1000, 10_000)
    return Plan(seconds, (0, 50, 150), (1, 64, 128, 256), sizes, devices, waseed, waplain)
