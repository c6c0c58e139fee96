"""PUT /chats/{chat_jid}/disappearing."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.fake import FakeBridge
from tests.support.api import CHAT, Caller, link


@pytest.fixture
def device(caller: Caller, bridge: FakeBridge) -> str:
    """A linked device of the caller's."""
    return link(caller, bridge)


@pytest.mark.parametrize(
    ("body", "preset", "seconds"),
    [
        ({"preset": "off"}, "off", 0),
        ({"preset": "24h"}, "24h", 86_400),
        ({"seconds": 604_800}, "7d", 604_800),
        ({"duration_seconds": 7_776_000}, "90d", 7_776_000),
        ({"seconds": 0, "preset": None}, "off", 0),
    ],
)
def test_set(
    caller: Caller,
    bridge: FakeBridge,
    device: str,
    body: dict[str, Any],
    preset: str,
    seconds: int,
) -> None:
    """Whichever way it is said, WhatsApp is told seconds, and the answer says both."""
    answer = caller.request("PUT", "/chats/15557000001/disappearing", json=body)
    assert answer.status_code == 200, answer.text
    told = answer.get_json()
    assert (told["chat_jid"], told["preset"], told["seconds"]) == (CHAT, preset, seconds)
    assert bridge.device(device).talk.lasting == {CHAT: seconds}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "preset"),
        ({"preset": "1y"}, "preset"),
        ({"preset": "7d", "seconds": 604_800}, "preset"),
        ({"seconds": 3600}, "seconds"),
        ({"duration_seconds": -1}, "duration_seconds"),
        ({"seconds": 86_400, "duration_seconds": 86_400}, "preset"),
    ],
)
def test_bad_input(caller: Caller, device: str, body: dict[str, Any], field: str) -> None:
    """One way, and one of the times that WhatsApp knows."""
    path = f"/chats/{CHAT}/disappearing?device_id={device}"
    answer = caller.request("PUT", path, json=body)
    assert answer.status_code == 400
    assert answer.get_json()["validation"][0]["field"] == field
