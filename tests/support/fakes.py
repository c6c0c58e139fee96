"""One device of the stand-in bridge, and short ways to use it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import pytest

from bridge.errors import BridgeCode, BridgeError
from bridge.fake import FakeBridge

TENANT, DEVICE = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
KEY = {"tenant_id": TENANT, "device_id": DEVICE}
CONFIG = {"devices_dir": "", "network": {"kind": "whatsapp"}}


def link(bridge: FakeBridge) -> None:
    """Link the device."""
    bridge.call("device.qr", KEY, timeout_ms=1000)
    bridge.link(DEVICE, lid="200000000000001")


def code_of(bridge: FakeBridge, method: str, params: Mapping[str, Any]) -> BridgeCode:
    """Return the code of a call that fails."""
    with pytest.raises(BridgeError) as raised:
        bridge.call(method, params, timeout_ms=1000)
    return raised.value.code
