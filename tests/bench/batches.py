"""Archives a second when one client sends many chats a request."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.load import quantile
from tests.bench.plan import Plan
from tests.support.service import Caller, running_service
from tests.support.simulator import running_simulator

MEANING = """One client sends one batch after the other. A batch of 50 chats is one patch of 100
changes, and a larger one takes as many round trips as patches. The sizes up to 50 show what patches
of fewer changes reach. A patch holds 100 at most, for that is what WhatsApp Web sends at once."""
HEAD = "  trip   chats   archives/s   p50 ms   failed"
WHOLE = 500
SIZES = (5, 10, 25, 50, 100, WHOLE)
_SIZED_TRIP_MS = 50


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One measurement."""

    round_trip_ms: int
    chats: int
    archives_per_second: float
    p50_ms: float
    failed: int


def measure_batches(folder: Path, plan: Plan) -> list[BatchRow]:
    """Measure whole batches with every round trip, and smaller ones with a usual one."""
    with running_simulator(folder) as simulator, running_service(folder, simulator) as service:
        caller = service.register().link(simulator.add_phone())
        return [
            measure_one(caller, trip, chats, seconds=plan.seconds)
            for trip in plan.round_trips_ms
            for chats in (SIZES if trip == _SIZED_TRIP_MS else (WHOLE,))
        ]


def measure_one(caller: Caller, round_trip_ms: int, chats: int, *, seconds: float) -> BatchRow:
    """Send batches until the time is over."""
    caller.service.simulator.delay(round_trip_ms)
    jids = [f"1555820{number:04d}@s.whatsapp.net" for number in range(chats)]
    lasted: list[float] = []
    failed = 0
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        sent_at = time.monotonic()
        body = {"archived": True, "chat_jids": jids}
        answer = caller.request("POST", "/chats/archive", json=body)
        lasted.append(time.monotonic() - sent_at)
        failed += answer.json()["failed"] if answer.status_code == 200 else chats
    done = len(lasted) * chats - failed
    return BatchRow(
        round_trip_ms,
        chats,
        archives_per_second=round(done / sum(lasted), 1),
        p50_ms=quantile(sorted(lasted), 0.5),
        failed=failed,
    )


def describe_batches(rows: Sequence[BatchRow]) -> list[str]:
    """Write the table."""
    lines = (
        f"{row.round_trip_ms:6} {row.chats:7} {row.archives_per_second:12} {row.p50_ms:8}"
        f" {row.failed:8}"
        for row in rows
    )
    return [MEANING, HEAD, *lines]
