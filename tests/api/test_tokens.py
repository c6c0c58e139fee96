"""Routes of the tokens that users make for themselves."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app import auth
from bridge.fake import FakeBridge
from tests.api.conftest import parts
from tests.support.api import Caller, link
from tests.support.sessions import wait_until


def test_create(caller: Caller) -> None:
    """The text is shown once; the list has its last four characters and what it may do."""
    body = {"name": "Archiver", "scopes": ["chats:write", "chats:write", "audit:read"]}
    answer = caller.post("/tokens", json=body)
    assert answer.status_code == 201
    made = answer.get_json()
    assert uuid.UUID(made["token"]).version == 4
    listing = caller.get("/tokens")
    (row,) = listing.get_json()["tokens"]
    assert row == made["data"]
    assert row["token_hint"] == made["token"][-4:]
    assert sorted(row["scopes"]) == ["audit:read", "chats:write"]
    assert "expires_at" not in row
    assert made["token"] not in listing.text


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": None}, "name"),
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": "chats:write"}, "scopes"),
        ({"scopes": ["chats:write", "users:write"]}, "scopes[1]"),
        ({"scopes": [None]}, "scopes[0]"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "2026-01-01"}, "expires_at"),
        ({"expires_at": 1781524800000}, "expires_at"),
        ({"expires_at": "2200-01-01T00:00:00Z"}, "expires_at"),
        ({"role": "admin"}, "role"),
    ],
)
def test_create_with_bad_input(caller: Caller, change: dict[str, Any], field: str) -> None:
    """What is missing, malformed, unknown or over already is named, and nothing is made."""
    answer = caller.post("/tokens", json={"name": "one", **change})
    assert answer.status_code == 400
    assert field in [problem["field"] for problem in answer.get_json()["validation"]]
    assert caller.get("/tokens").get_json()["tokens"] == []


def test_quota(caller: Caller) -> None:
    """A user has at most 20 of them, and revoking one makes room."""
    made = [caller.post("/tokens", json={"name": "one"}).get_json() for _ in range(20)]
    answer = caller.post("/tokens", json={"name": "one more"})
    assert (answer.status_code, answer.get_json()["error_code"]) == (429, "QUOTA_EXCEEDED")
    assert "Retry-After" not in answer.headers
    caller.request("DELETE", f"/tokens/{made[7]['data']['id']}")
    assert caller.post("/tokens", json={"name": "one more"}).status_code == 201


def test_token_that_expires_makes_none_that_lasts(caller: Caller) -> None:
    """What it makes ends with it at the latest, and it can't renew the first token."""
    until = (datetime.now(UTC) + timedelta(days=400)).replace(microsecond=0)
    body = {"name": "one", "expires_at": until.isoformat()}
    made = caller.post("/tokens", json=body).get_json()
    assert made["data"]["expires_at"] == until.strftime("%Y-%m-%dT%H:%M:%SZ")
    brief = Caller(caller.client, made["token"], caller.tenant_id, caller.user_id)
    inherited = brief.post("/tokens", json={"name": "two"}).get_json()["data"]
    assert inherited["expires_at"] == made["data"]["expires_at"]
    later = {"name": "three", "expires_at": int(until.timestamp()) + 1}
    assert brief.post("/tokens", json=later).status_code == 400
    assert brief.post(f"/users/{caller.user_id}/token").status_code == 403


def test_revocation_is_immediate_and_final(caller: Caller, stranger: Caller) -> None:
    """The token is out with the answer; only its own user finds it."""
    made = caller.post("/tokens", json={"name": "one"}).get_json()
    own = Caller(caller.client, made["token"], caller.tenant_id, caller.user_id)
    path = f"/tokens/{made['data']['id']}"
    body = {"email": "other@example.com", "role": "admin"}
    colleague = caller.post("/users", json=body).get_json()["user"]
    other = Caller(caller.client, colleague["token"], caller.tenant_id, colleague["id"])
    for somebody in (stranger, other):
        answer = somebody.request("DELETE", path)
        assert (answer.status_code, answer.get_json()["error_code"]) == (404, "TOKEN_NOT_FOUND")
        assert somebody.get("/tokens").get_json()["tokens"] == []
    assert own.request("DELETE", path.upper().replace("TOKENS", "tokens")).status_code == 200
    assert own.get("/devices").status_code == 401
    assert caller.request("DELETE", path).status_code == 404


def test_revocation_ends_a_wait(
    caller: Caller, bridge: FakeBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits for news with a token that is revoked meanwhile gets none."""
    monkeypatch.setattr(auth, "TRUST_SECONDS", 0.0)
    device = link(caller, bridge)
    made = caller.post("/tokens", json={"name": "one"}).get_json()
    waiting = Caller(caller.client, made["token"], caller.tenant_id, caller.user_id)
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(waiting.get, "/status?wait=25")
        wait_until(lambda: is_watched(waiting, device))
        caller.request("DELETE", f"/tokens/{made['data']['id']}")
        bridge.set_status(device, "disconnected")
        assert answer.result(10).status_code == 401


def is_watched(caller: Caller, device_id: str) -> bool:
    """Whether somebody waits for news of a device."""
    registry = parts(caller.client.application).service._environment.registry
    return bool(registry._sessions[device_id]._watchers)
