"""The routes of the app state's collections."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.errors import BridgeCode
from bridge.fake import FakeBridge
from tests.support.api import Caller, link

ALL = {"critical_block", "critical_unblock_low", "regular_high", "regular", "regular_low"}


def synced(bridge: FakeBridge, device_id: str) -> set[str]:
    """Return the collections of a device that were synced."""
    calls = [call.params for call in bridge.calls_of("app_state.sync")]
    return {params["collection"] for params in calls if params["device_id"] == device_id}


def test_collections_are_listed(bridge: FakeBridge, caller: Caller) -> None:
    """Each of the five is there with its version and state, also while the device is offline."""
    device_id = link(caller, bridge)
    bridge.set_collection(device_id, "regular", "awaiting_phone")
    caller.post("/disconnect")
    answer = caller.get("/appstate")
    assert answer.status_code == 200
    listed = answer.get_json()["collections"]
    assert {one["name"] for one in listed} == ALL
    assert {one["state"] for one in listed} == {"awaiting_phone"}


@pytest.mark.parametrize(
    ("body", "collections"),
    [
        ({}, ALL),
        ({"scopes": ["pins"]}, {"regular_low"}),
        ({"scopes": ["chats", "chats"]}, {"regular_low", "regular_high"}),
        ({"scopes": ["critical"], "full": True}, {"critical_block", "critical_unblock_low"}),
    ],
)
def test_scopes_are_synced(
    bridge: FakeBridge, caller: Caller, body: dict[str, Any], collections: set[str]
) -> None:
    """A scope stands for collections; without one contacts, chats and settings are fetched."""
    device_id = link(caller, bridge)
    answer = caller.post("/appstate/sync", json=body)
    assert answer.get_json() == {
        "success": True,
        "scopes": body.get("scopes", ["contacts", "chats", "settings"]),
        "full_sync": body.get("full", False),
    }
    assert synced(bridge, device_id) == collections


def test_a_sync_without_a_body_is_the_usual_one(bridge: FakeBridge, caller: Caller) -> None:
    """The operation needs no body."""
    device_id = link(caller, bridge)
    assert caller.post("/appstate/sync").status_code == 200
    assert synced(bridge, device_id) == ALL


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"scopes": []}, "scopes"),
        ({"scopes": ["all"]}, "scopes[0]"),
        ({"scopes": "chats"}, "scopes"),
        ({"full": "yes"}, "full"),
        ({"full": 1}, "full"),
        ({"fast": True}, "fast"),
    ],
)
def test_bad_input(bridge: FakeBridge, caller: Caller, body: dict[str, Any], field: str) -> None:
    """Each wrong field is named, and nothing is asked of the device."""
    device_id = link(caller, bridge)
    answer = caller.post("/appstate/sync", json=body)
    assert (answer.status_code, answer.get_json()["error_code"]) == (400, "VALIDATION_ERROR")
    assert answer.get_json()["validation"][0]["field"] == field
    assert synced(bridge, device_id) == set()


@pytest.mark.parametrize(
    ("code", "status", "error_code", "repeats"),
    [
        (BridgeCode.APP_STATE_BROKEN, 502, "APP_STATE_BROKEN", False),
        (BridgeCode.APP_STATE_NOT_READY, 503, "APP_STATE_NOT_READY", True),
        (BridgeCode.STORAGE_FAILED, 503, "STORAGE_UNAVAILABLE", True),
        (BridgeCode.DEVICE_BANNED, 409, "DEVICE_BANNED", False),
        (BridgeCode.DEVICE_OUTDATED, 503, "DEVICE_OUTDATED", True),
        (BridgeCode.DEVICE_REPLACED, 409, "DEVICE_REPLACED", False),
        (BridgeCode.DEVICE_LOGGED_OUT, 409, "DEVICE_LOGGED_OUT", False),
        (BridgeCode.DEVICE_NOT_CONNECTED, 503, "DEVICE_NOT_READY", True),
        (BridgeCode.SERVER_UNAVAILABLE, 502, "DEVICE_ERROR", True),
        (BridgeCode.OUTCOME_UNKNOWN, 504, "DEVICE_TIMEOUT", True),
    ],
)
def test_troubles_of_a_device(
    bridge: FakeBridge,
    caller: Caller,
    code: BridgeCode,
    status: int,
    error_code: str,
    *,
    repeats: bool,
) -> None:
    """Each trouble has its status and code, and says whether repeating helps."""
    link(caller, bridge)
    bridge.fail_next("app_state.sync", code)
    answer = caller.post("/appstate/sync", json={"scopes": ["pins"]})
    assert (answer.status_code, answer.get_json()["error_code"]) == (status, error_code)
    assert ("Retry-After" in answer.headers) is repeats


def test_a_wedged_collection_is_mended_by_a_full_sync(bridge: FakeBridge, caller: Caller) -> None:
    """An archive fails with APP_STATE_BROKEN until somebody asks for a full sync."""
    device_id = link(caller, bridge)
    bridge.set_collection(device_id, "regular_low", "wedged")
    chat = "/chats/15557000001@s.whatsapp.net/archive"
    assert caller.post(chat, json={"archived": True}).status_code == 502
    assert caller.post("/appstate/sync", json={"scopes": ["pins"]}).status_code == 502
    assert caller.post("/appstate/sync", json={"full": True}).status_code == 200
    assert caller.post(chat, json={"archived": True}).status_code == 200


def test_a_device_that_is_not_linked_has_none(caller: Caller) -> None:
    """There is nothing to list or to fetch before the device is linked."""
    caller.post("/devices", json={"name": "one"})
    for answer in (caller.get("/appstate"), caller.post("/appstate/sync")):
        assert (answer.status_code, answer.get_json()["error_code"]) == (409, "DEVICE_NOT_LINKED")


@pytest.mark.parametrize(
    ("status", "reason", "error_code"),
    [
        ("banned", "temporary_ban_104", "DEVICE_BANNED"),
        ("outdated", "client_outdated", "DEVICE_OUTDATED"),
        ("replaced", "another_connection", "DEVICE_REPLACED"),
        ("logged_out", "unlinked", "DEVICE_LOGGED_OUT"),
        ("stopped", "refused_418", "DEVICE_NOT_READY"),
    ],
)
def test_status_tells_the_reason(
    bridge: FakeBridge, caller: Caller, status: str, reason: str, error_code: str
) -> None:
    """What the server put the device in is its status, and requests are refused accordingly."""
    device_id = link(caller, bridge)
    bridge.set_status(device_id, status, reason, banned_until=1_900_000_000_000)
    data = caller.get("/status").get_json()["data"]
    while data["status"] != status:
        data = caller.get("/status?wait=5").get_json()["data"]
    assert (data["reason"], data["connected"]) == (reason, False)
    assert (data.get("banned_until") == "2030-03-17T17:46:40Z") is (status != "logged_out")
    answer = caller.post("/appstate/sync")
    assert answer.get_json()["error_code"] == error_code
