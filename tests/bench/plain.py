"""Archives a second by whatsmeow's own SendAppState, on the same simulator."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.plan import Plan
from tests.support.simulator import Phone, Simulator, running_simulator

MEANING = """What whatsmeow does without the service: SendAppState, one archive after the other
(one worker) and in parallel, on a device that nobody else writes for."""
HEAD = "  trip  workers   archives/s   p50 ms   p99 ms   failed"
WORKERS = (1, 64)


@dataclass(frozen=True, slots=True)
class PlainRow:
    """One measurement; times are of archives that succeeded."""

    round_trip_ms: int
    workers: int
    archives_per_second: float
    p50_ms: float
    p99_ms: float
    failed: int


@dataclass(frozen=True, slots=True)
class Plain:
    """A linked waplain, which takes orders."""

    process: subprocess.Popen[str]

    def exchange(self, order: dict[str, Any] | None = None) -> dict[str, Any]:
        """Give an order, if there is one, and read what is printed next."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        if order is not None:
            self.process.stdin.write(json.dumps(order) + "\n")
            self.process.stdin.flush()
        return dict(json.loads(self.process.stdout.readline()))


def measure_plain(folder: Path, plan: Plan) -> list[PlainRow]:
    """Measure with every round trip, each number of workers with a device of its own.

    A device whose writes have clashed may be out of step for good.
    """
    with running_simulator(folder) as simulator:
        return [
            measure_one(simulator, folder, trip, workers=workers, plan=plan)
            for trip in plan.round_trips_ms
            for workers in WORKERS
        ]


def measure_one(
    simulator: Simulator, folder: Path, round_trip_ms: int, *, workers: int, plan: Plan
) -> PlainRow:
    """Link a device and let it archive."""
    simulator.delay(0)
    store = folder / f"plain-{round_trip_ms}-{workers}.db"
    with linked_plain(simulator.add_phone(), store, waplain=plan.waplain) as plain:
        simulator.delay(round_trip_ms)
        done = plain.exchange({"workers": workers, "seconds": plan.seconds})
    return PlainRow(
        round_trip_ms,
        workers,
        archives_per_second=round(done["archived"] / done["seconds"], 1),
        p50_ms=round(done["p50_ms"], 1),
        p99_ms=round(done["p99_ms"], 1),
        failed=done["failed"],
    )


@contextmanager
def linked_plain(phone: Phone, store: Path, *, waplain: Path) -> Iterator[Plain]:
    """Run waplain, linked to a phone, for as long as the body runs."""
    simulator = phone.simulator
    command: list[Any] = [waplain, "-endpoint", simulator.endpoint]
    command += ["-root-key", simulator.root_key, "-store", store]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            plain = Plain(process)
            phone.scan(plain.exchange()["qr"])
            assert plain.exchange() == {"ready": True}
            yield plain
        finally:
            process.kill()


def describe_plain(rows: Sequence[PlainRow]) -> list[str]:
    """Write the table."""
    lines = (
        f"{row.round_trip_ms:6} {row.workers:8} {row.archives_per_second:12} {row.p50_ms:8}"
        f" {row.p99_ms:8} {row.failed:8}"
        for row in rows
    )
    return [MEANING, HEAD, *lines]
