"""The generator and the yardstick, each a moment long."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.archives import Row
from tests.bench.bare import running_bare
from tests.bench.batches import BatchRow
from tests.bench.comparison import compare
from tests.bench.load import Measured, Orders, measure, quantile
from tests.bench.plain import PlainRow


@pytest.mark.e2e
def test_the_generator_measures_the_yardstick(tmp_path: Path) -> None:
    """A route that waits 50 ms answers one connection at most 20 times a second, never sooner."""
    with running_bare(tmp_path, wait_ms=50) as port:
        measured = measure(Orders(port, connections=1, seconds=0.5))
    assert 0 < measured.per_second <= 20
    assert measured.p50_ms >= 50
    assert measured.others == {}


def test_comparison() -> None:
    """Sections are compared at one round trip, as far as they were measured."""
    here, bare = (Measured(rate, 50.0, 60.0, {}, 1.0) for rate in (450.0, 500.0))
    rows = [Row(trip, 128, here, bare, 0.9, 10, 45.0) for trip in (0, 50)]
    plain = [PlainRow(50, workers, 10.0, 100.0, 110.0, 0) for workers in (1, 64)]
    batches = [BatchRow(50, chats, 12.0 * chats / 5, 50.0, 0) for chats in (50, 500)]
    results = {"archives": rows, "plain": plain, "batches": batches}
    assert list(compare(results).values()) == [0.9, 45.0, 120.0]
    assert list(compare({"archives": rows}).values()) == [0.9]
    assert compare({"plain": plain, "batches": ()}) == {}


def test_quantiles() -> None:
    """The share of answers that came within the time is at least the share that was asked for."""
    assert quantile([], 0.99) == 0.0
    assert quantile([0.001], 0.99) == 1.0
    assert quantile([0.001, 0.002, 0.003, 0.1], 0.5) == 3.0
    assert quantile([0.001, 0.002, 0.003, 0.1], 0.99) == 100.0
