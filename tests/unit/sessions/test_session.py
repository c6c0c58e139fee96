"""A session's way into the bridge."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.fake import FakeBridge
from sessions.addresses import address_as_given
from sessions.config import Network, ServiceConfig
from sessions.deadline import Deadline
from sessions.errors import DeviceTimeout
from sessions.metrics import Metrics
from sessions.pool import Pool
from sessions.session import Machinery, Session
from sessions.waiting import WaitingRoom


def test_nothing_is_asked_of_the_bridge_when_no_time_is_left(tmp_path: Path) -> None:
    """A deadline that has passed is a timeout; the bridge would call it a wrong argument."""
    bridge, config = FakeBridge(), ServiceConfig(tmp_path, Network.whatsapp())
    pool, room = Pool(1, per_tenant=1), WaitingRoom()
    machinery = Machinery(bridge, pool, room, config, Metrics(), address_as_given)
    with pytest.raises(DeviceTimeout):
        Session("tenant", "device", machinery=machinery).call("device.status", Deadline(0.0))
    assert bridge.calls == []
