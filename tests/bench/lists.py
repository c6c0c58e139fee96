"""How long lists of chats take, by how many chats there are."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.processes import wait_for
from tests.bench.load import quantile
from tests.bench.plan import Plan
from tests.support.service import Caller, running_service
from tests.support.simulator import running_simulator

MEANING = """One client lists the chats of an account, of whom four in five are known by LID: the
first page of 100, and all of them in one answer."""
HEAD = "   chats   page p50 ms   page p99 ms   whole p50 ms   whole p99 ms   whole kB"
PAGE = {"limit": "100"}
LONGEST_SECONDS = 120


@dataclass(frozen=True, slots=True)
class ListsRow:
    """One measurement."""

    chats: int
    page_p50_ms: float
    page_p99_ms: float
    whole_p50_ms: float
    whole_p99_ms: float
    whole_kb: int


def measure_lists(folder: Path, plan: Plan) -> list[ListsRow]:
    """Measure an account of each size."""
    with running_simulator(folder) as simulator, running_service(folder, simulator) as service:
        rows: list[ListsRow] = []
        for count in plan.chats:
            phone = simulator.add_phone(chats={"count": count, "lids": count * 4 // 5})
            caller = service.register().link(phone)
            rows.append(measure_one(caller, count, seconds=plan.seconds / 2))
    return rows


def measure_one(caller: Caller, count: int, *, seconds: float) -> ListsRow:
    """Wait until the list is whole, then ask for it until the time is over, twice."""

    def is_whole() -> bool:
        answer = caller.request("GET", "/chats").json()
        return bool(answer["count"] >= count and answer["sync"] == "complete")

    wait_for(is_whole, seconds=LONGEST_SECONDS, what=f"a list of {count} chats")
    pages, _ = time_requests(caller, PAGE, seconds=seconds)
    wholes, size = time_requests(caller, {}, seconds=seconds)
    return ListsRow(
        count,
        page_p50_ms=quantile(pages, 0.5),
        page_p99_ms=quantile(pages, 0.99),
        whole_p50_ms=quantile(wholes, 0.5),
        whole_p99_ms=quantile(wholes, 0.99),
        whole_kb=size // 1000,
    )


def time_requests(
    caller: Caller, query: dict[str, str], *, seconds: float
) -> tuple[list[float], int]:
    """Return how long each request took, sorted, and the size of the last answer in bytes."""
    lasted: list[float] = []
    size = 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.monotonic()
        answer = caller.request("GET", "/chats", params=query)
        lasted.append(time.monotonic() - began)
        assert answer.status_code == 200, answer.text
        size = len(answer.content)
    return sorted(lasted), size


def describe_lists(rows: Sequence[ListsRow]) -> list[str]:
    """Write the table."""
    lines = (
        f"{row.chats:8} {row.page_p50_ms:13} {row.page_p99_ms:13} {row.whole_p50_ms:14}"
        f" {row.whole_p99_ms:14} {row.whole_kb:10}"
        for row in rows
    )
    return [MEANING, HEAD, *lines]
