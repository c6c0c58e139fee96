"""The audit log: what is recorded, what is not, and who sees it."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.fake import FakeBridge
from tests.support.api import CHAT, Caller, link
from tests.support.contract import CheckedClient
from tests.support.sessions import wait_until


def entries(caller: Caller) -> list[dict[str, Any]]:
    """Return the newest entries of the tenant, oldest first."""
    answer = caller.get("/audit?limit=1000")
    assert answer.status_code == 200
    return list(reversed(answer.get_json()["entries"]))


def acts(caller: Caller) -> list[tuple[str, str]]:
    """Return actions and outcomes of the tenant, oldest first."""
    return [(entry["action"], entry["outcome"]) for entry in entries(caller)]


def test_administrative_acts(caller: Caller) -> None:
    """Each act is there with its answer: who, what, on whom, and how it came out."""
    user = caller.post("/users", json={"email": "a@example.com", "role": "user"}).get_json()
    user_id = user["user"]["id"]
    caller.request("PUT", f"/users/{user_id}", json={"active": False})
    caller.request("PUT", f"/users/{caller.user_id}", json={"active": False})
    token = caller.post("/tokens", json={"name": "one"}).get_json()["data"]["id"]
    caller.request("DELETE", f"/tokens/{token}")
    caller.request("DELETE", f"/users/{user_id}", headers={"X-Request-Id": "order-66"})
    caller.get("/users")
    found = entries(caller)[1:]
    assert [(entry["action"], entry["outcome"], entry["target_id"]) for entry in found] == [
        ("user.create", "success", user_id),
        ("user.update", "success", user_id),
        ("user.update", "LAST_ADMIN", caller.user_id),
        ("token.create", "success", token),
        ("token.delete", "success", token),
        ("user.delete", "success", user_id),
    ]
    assert {entry["user_id"] for entry in found} == {caller.user_id}
    assert len({entry["token_id"] for entry in found}) == 1
    assert found[-1]["request_id"] == "order-66"


def test_acts_of_the_platform(caller: Caller, master: dict[str, str]) -> None:
    """What the platform's owner does to a tenant is shown to its admins, without a user."""
    path = f"/global/tenants/{caller.tenant_id}/admin-token"
    made = caller.client.post(path, headers=master).get_json()
    admin = Caller(caller.client, made["data"]["token"], caller.tenant_id, caller.user_id)
    registered, renewed = entries(admin)
    assert registered["action"] == "tenant.register"
    assert renewed["action"] == "tenant.renew_admin_token"
    assert registered["target_id"] == renewed["target_id"] == caller.tenant_id
    assert "user_id" not in renewed


def test_writes_of_chats(caller: Caller, bridge: FakeBridge) -> None:
    """A change of a chat shows up with its device and outcome, and never with the chat."""
    device = link(caller, bridge)
    caller.post(f"/chats/{CHAT}/archive", json={"archived": True})
    caller.post(f"/chats/{CHAT}/archive", json={"archived": "yes"})
    caller.post(f"/chats/{CHAT}/archive", json={"archived": True}, query_string="device_id=x")
    wait_until(lambda: sum(action == "chat.archive" for action, _ in acts(caller)) == 3)
    found = [entry for entry in entries(caller) if entry["action"] == "chat.archive"]
    assert [(entry["outcome"], entry.get("device_id")) for entry in found] == [
        ("success", device),
        ("VALIDATION_ERROR", None),
        ("DEVICE_NOT_FOUND", None),
    ]
    assert CHAT.partition("@")[0] not in caller.get("/audit").text


def test_acts_on_devices(caller: Caller, bridge: FakeBridge) -> None:
    """What is done to a device names it, also when it was not named."""
    device = link(caller, bridge)
    for path in ("/disconnect", "/connect", "/logout"):
        caller.post(path)
    caller.request("DELETE", f"/devices/{device}?purge=true")
    names = ["create", "pair", "disconnect", "connect", "logout", "delete"]
    wait_until(lambda: len(acts(caller)) == 1 + len(names))
    found = entries(caller)[1:]
    assert {entry["action"] for entry in found} == {f"device.{name}" for name in names}
    assert {entry["device_id"] for entry in found} == {device}


def test_what_is_not_recorded(caller: Caller, client: CheckedClient) -> None:
    """Reads are not, and neither is whoever could not show a token."""
    before = acts(caller)
    for path in ("/users", "/tokens", "/devices", "/audit", "/status"):
        caller.get(path)
    client.post("/users", json={})
    client.post("/users", json={}, headers={"Authorization": "Bearer nonsense"})
    assert acts(caller) == before


def test_refusals_are_recorded(caller: Caller) -> None:
    """Somebody who tried what he may not is there with the refusal; ids that are none are not."""
    body = {"email": "a@example.com", "role": "user"}
    user = caller.post("/users", json=body).get_json()["user"]
    other = Caller(caller.client, user["token"], caller.tenant_id, user["id"])
    other.request("DELETE", f"/users/{caller.user_id}")
    caller.request("DELETE", "/users/15550001111")
    refused, unknown = entries(caller)[-2:]
    assert (refused["outcome"], refused["user_id"]) == ("FORBIDDEN", other.user_id)
    assert refused["target_id"] == caller.user_id
    assert (unknown["outcome"], unknown.get("target_id")) == ("USER_NOT_FOUND", None)


def test_tenants_see_their_own(caller: Caller, stranger: Caller) -> None:
    """Nobody sees what was done in another tenant."""
    caller.post("/tokens", json={"name": "one"})
    assert acts(stranger) == [("tenant.register", "success")]


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_from_new_to_old(caller: Caller, limit: int) -> None:
    """Every entry comes once, also when new ones are written meanwhile."""
    for _ in range(5):
        caller.post("/tokens", json={"name": "one"})
    expected = [entry["id"] for entry in reversed(entries(caller))]
    seen: list[int] = []
    cursor: dict[str, str] = {}
    while True:
        page = caller.get("/audit", query_string={"limit": limit, **cursor}).get_json()
        seen += [entry["id"] for entry in page["entries"]]
        caller.post("/tokens", json={"name": "one more"})
        if "next_cursor" not in page:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == expected
