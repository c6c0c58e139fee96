"""Archives a second when one client sends 500 chats a request."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench.archives import ROUND_TRIPS_MS
from tests.bench.load import quantile
from tests.support.service import Caller, running_service
from tests.support.simulator import running_simulator

CHATS = [f"1555820{number:04d}@s.whatsapp.net" for number in range(500)]


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One measurement. A batch takes as many round trips as it takes patches."""

    round_trip_ms: int
    archives_per_second: float
    p50_ms: float
    failed: int


def measure_batches(folder: Path, *, seconds: float) -> list[BatchRow]:
    """Measure with every round trip."""
    folder.mkdir(parents=True)
    with running_simulator(folder) as simulator, running_service(folder, simulator) as service:
        caller = service.register().link(simulator.add_phone())
        return [measure_one(caller, trip, seconds=seconds) for trip in ROUND_TRIPS_MS]


def measure_one(caller: Caller, round_trip_ms: int, *, seconds: float) -> BatchRow:
    """Send batches until the time is over."""
    phone = caller.phone
    assert phone is not None
    if round_trip_ms:
        phone.fault(direction="both", action="delay", ms=round_trip_ms // 2)
    lasted: list[float] = []
    failed = 0
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        sent_at = time.monotonic()
        body = {"archived": True, "chat_jids": CHATS}
        answer = caller.request("POST", "/chats/archive", json=body)
        lasted.append(time.monotonic() - sent_at)
        failed += answer.json()["failed"] if answer.status_code == 200 else len(CHATS)
    phone.simulator.delete("/v1/faults")
    done = len(lasted) * len(CHATS) - failed
    return BatchRow(
        round_trip_ms,
        archives_per_second=round(done / sum(lasted), 1),
        p50_ms=quantile(sorted(lasted), 0.5),
        failed=failed,
    )
