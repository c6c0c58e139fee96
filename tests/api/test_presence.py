"""Typing and presence over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.errors import BridgeCode
from bridge.fake import FakeBridge
from tests.support.api import CHAT, Caller, link

GROUP = "120363000000000042@g.us"


@pytest.fixture
def device(caller: Caller, bridge: FakeBridge) -> str:
    """A linked device of the caller's."""
    return link(caller, bridge)


@pytest.mark.parametrize(
    ("body", "state", "media"),
    [
        ({"state": "typing"}, "composing", "text"),
        ({"state": "composing"}, "composing", "text"),
        ({"state": "composing", "media": "audio"}, "composing", "audio"),
        ({"state": "recording"}, "composing", "audio"),
        ({"state": "recording", "media": "text"}, "composing", "audio"),
        ({"state": "paused"}, "paused", "text"),
    ],
)
def test_typing(
    caller: Caller, bridge: FakeBridge, device: str, body: dict[str, Any], state: str, media: str
) -> None:
    """Every way to say it becomes one of WhatsApp's own, and the answer says which."""
    answer = caller.post("/chats/15557000001/typing", json=body).get_json()
    assert answer == {"success": True, "chat_jid": CHAT, "state": state, "media": media}
    assert bridge.device(device).talk.typing == [(CHAT, state, media)]


@pytest.mark.parametrize(
    ("body", "state"),
    [
        (None, "available"),
        ({}, "available"),
        ({"state": "online"}, "available"),
        ({"state": "offline"}, "unavailable"),
        ({"state": "unavailable"}, "unavailable"),
    ],
)
def test_presence(
    caller: Caller, bridge: FakeBridge, device: str, body: dict[str, Any] | None, state: str
) -> None:
    """Without a state the account is shown online."""
    answer = caller.post("/presence") if body is None else caller.post("/presence", json=body)
    assert answer.get_json() == {"success": True, "state": state}
    assert bridge.device(device).talk.presence == state


@pytest.mark.parametrize("ensure_online", [False, True])
def test_subscribe(caller: Caller, bridge: FakeBridge, device: str, *, ensure_online: bool) -> None:
    """Somebody's presence is asked for; on demand the account is shown online first."""
    body = {"jid": "+1 555 700 0001", "ensure_online": ensure_online}
    answer = caller.post("/presence/subscribe", json=body).get_json()
    assert answer == {"success": True, "subject_jid": CHAT}
    talk = bridge.device(device).talk
    expected = "available" if ensure_online else "unavailable"
    assert (talk.subscriptions, talk.presence) == ([CHAT], expected)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (f"/chats/{CHAT}/typing", {}, "state"),
        (f"/chats/{CHAT}/typing", {"state": "dancing"}, "state"),
        (f"/chats/{CHAT}/typing", {"state": "typing", "media": "video"}, "media"),
        ("/chats/nobody/typing", {"state": "typing"}, "chat_jid"),
        ("/presence", {"state": "away"}, "state"),
        ("/presence/subscribe", {}, "jid"),
        ("/presence/subscribe", {"jid": GROUP}, "jid"),
    ],
)
def test_bad_input(
    caller: Caller, device: str, path: str, body: dict[str, Any], field: str
) -> None:
    """What does not fit is refused by its name."""
    answer = caller.post(path, json=body, query_string={"device_id": device})
    assert answer.status_code == 400
    assert answer.get_json()["validation"][0]["field"] == field


def test_presence_needs_the_name_of_the_account(
    caller: Caller, bridge: FakeBridge, device: str
) -> None:
    """Before the phone has told it, nothing is shown, and the answer says to come again."""
    bridge.fail_next("presence.set", BridgeCode.APP_STATE_NOT_READY)
    answer = caller.post("/presence", query_string={"device_id": device})
    assert (answer.status_code, answer.get_json()["error_code"]) == (503, "APP_STATE_NOT_READY")
    assert "Retry-After" in answer.headers
