"""A stand-in to try."""

from __future__ import annotations

import pytest

from bridge.fake import FakeBridge
from tests.support.fakes import CONFIG, KEY


@pytest.fixture
def bridge() -> FakeBridge:
    """A started bridge with one device."""
    bridge = FakeBridge()
    bridge.start(CONFIG)
    bridge.call("device.create", KEY, timeout_ms=1000)
    return bridge
