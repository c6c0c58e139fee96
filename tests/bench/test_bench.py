"""The generator and the yardstick, each a moment long."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.bare import running_bare
from tests.bench.load import Orders, measure, quantile


@pytest.mark.e2e
def test_the_generator_measures_the_yardstick(tmp_path: Path) -> None:
    """A route that waits 50 ms answers one connection at most 20 times a second, never sooner."""
    with running_bare(tmp_path, wait_ms=50) as port:
        measured = measure(Orders(port, connections=1, seconds=0.5))
    assert 0 < measured.per_second <= 20
    assert measured.p50_ms >= 50
    assert measured.others == {}


def test_quantiles() -> None:
    """The share of answers that came within the time is at least the share that was asked for."""
    assert quantile([], 0.99) == 0.0
    assert quantile([0.001], 0.99) == 1.0
    assert quantile([0.001, 0.002, 0.003, 0.1], 0.5) == 3.0
    assert quantile([0.001, 0.002, 0.003, 0.1], 0.99) == 100.0
