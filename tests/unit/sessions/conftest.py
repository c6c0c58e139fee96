"""A running service for the tests of the domain."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.sessions import Stage, running


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A running service over the stand-in bridge."""
    with running(tmp_path) as stage:
        yield stage
