"""A running service whose webhooks may go to loopback, and whose clock the test moves."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.support.sessions import Stage, running
from tests.support.webhooks import LOOPBACK, Clock, Hook, make_hooked


@pytest.fixture
def clock() -> Clock:
    """The clock of the service."""
    return Clock()


@pytest.fixture
def stage(tmp_path: Path, clock: Clock) -> Iterator[Stage]:
    """A running service over the stand-in bridge."""
    with running(tmp_path, now=clock, webhook_allow=LOOPBACK) as stage:
        yield stage


@pytest.fixture
def hook(stage: Stage) -> Hook:
    """Make devices with webhooks."""
    return partial(make_hooked, stage)
