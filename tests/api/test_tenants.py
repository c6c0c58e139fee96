"""Routes of tenants."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from bridge.errors import BridgeCode
from bridge.fake import FakeBridge
from tests.support.api import CHAT, Caller, link
from tests.support.contract import CheckedClient

GOOD = {"tenant_name": "Example Ltd", "email": "admin@example.com"}
OTHER = {"tenant_name": "Another Ltd", "email": "admin@another.example.com"}
THIRD = {"tenant_name": "Third Ltd", "email": "admin@third.example.com"}


def test_register(client: CheckedClient, master: dict[str, str]) -> None:
    """A new tenant's first user is its admin, and the token works at once."""
    answer = client.post("/register", json=GOOD, headers=master)
    assert answer.status_code == 201
    made = answer.get_json()
    assert made["user"]["role"] == "admin"
    assert made["user"]["tenant_id"] == made["tenant"]["id"]
    assert made["user"]["token"] == made["token"]
    assert uuid.UUID(made["token"]).version == 4
    assert made["webhook_configured"] is False
    listed = client.get("/devices", headers={"Authorization": f"Bearer {made['token']}"})
    assert listed.status_code == 200


def test_published_fields_that_are_not_used(client: CheckedClient, master: dict[str, str]) -> None:
    """A password is dropped and a role ignored, whatever they are."""
    body = {**OTHER, "password": ["anything"], "role": "user"}
    answer = client.post("/register", json=body, headers=master)
    assert answer.status_code == 201
    assert answer.get_json()["user"]["role"] == "admin"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"tenant_name": None}, "tenant_name"),
        ({"tenant_name": ""}, "tenant_name"),
        ({"tenant_name": "x" * 101}, "tenant_name"),
        ({"tenant_name": 5}, "tenant_name"),
        ({"email": None}, "email"),
        ({"email": "nobody"}, "email"),
        ({"email": "a" * 250 + "@example.com"}, "email"),
        ({"email": "a@b@example.com"}, "email"),
        ({"webhook_url": "https://10.0.0.1/"}, "webhook_url"),
        ({"plan": "gold"}, "plan"),
    ],
)
def test_bad_input(
    client: CheckedClient, master: dict[str, str], change: dict[str, Any], field: str
) -> None:
    """What is missing, malformed or unknown is named."""
    answer = client.post("/register", json={**GOOD, **change}, headers=master)
    assert answer.status_code == 400
    assert field in [problem["field"] for problem in answer.get_json()["validation"]]


def test_existing_names(client: CheckedClient, master: dict[str, str]) -> None:
    """A tenant's name and a user's address are taken once."""
    assert client.post("/register", json=THIRD, headers=master).status_code == 201
    answer = client.post("/register", json=THIRD, headers=master)
    assert answer.status_code == 409
    assert answer.get_json()["error_code"] in ("TENANT_EXISTS", "USER_EXISTS")


def test_only_the_master_token(client: CheckedClient, caller: Caller) -> None:
    """Without a token it is 401, with a tenant's 403."""
    assert client.post("/register", json=GOOD).status_code == 401
    answer = caller.post("/register", json=GOOD)
    assert (answer.status_code, answer.get_json()["error_code"]) == (403, "FORBIDDEN")


def test_list_and_show(client: CheckedClient, caller: Caller, master: dict[str, str]) -> None:
    """The platform's owner sees every tenant, in pages, and each by its id."""
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 50}
    while True:
        page = client.get("/tenants", query_string=query, headers=master).get_json()
        seen += [tenant["id"] for tenant in page["tenants"]]
        if "next_cursor" not in page:
            break
        query["cursor"] = page["next_cursor"]
    assert len(seen) == len(set(seen))
    assert caller.tenant_id in seen
    shown = client.get(f"/global/tenants/{caller.tenant_id}", headers=master).get_json()["data"]
    assert shown["id"] == caller.tenant_id
    for unknown in (str(uuid.uuid4()), "nonsense"):
        answer = client.get(f"/global/tenants/{unknown}", headers=master)
        assert (answer.status_code, answer.get_json()["error_code"]) == (404, "TENANT_NOT_FOUND")


def test_lost_admin(client: CheckedClient, caller: Caller, master: dict[str, str]) -> None:
    """The oldest active admin gets a new token, and the one that was lost is worth nothing."""
    caller.post("/users", json={"email": "second@example.com", "role": "admin"})
    path = f"/global/tenants/{caller.tenant_id}/admin-token"
    made = client.post(path, headers=master).get_json()["data"]
    assert made["user_id"] == caller.user_id
    assert caller.get("/devices").status_code == 401
    header = {"Authorization": f"Bearer {made['token']}"}
    assert client.get("/users", headers=header).status_code == 200


def test_deletion(
    client: CheckedClient,
    caller: Caller,
    stranger: Caller,
    bridge: FakeBridge,
    master: dict[str, str],
) -> None:
    """A tenant goes with its devices, users and tokens, and its name is free again."""
    linked, _, others = link(caller, bridge), caller.create_device(), link(stranger, bridge)
    path = f"/global/tenants/{caller.tenant_id}"
    name = client.get(path, headers=master).get_json()["data"]["name"]
    done = client.delete(path, headers=master).get_json()["data"]
    assert (done["tenant_id"], done["devices"], done["unlinked"]) == (caller.tenant_id, 2, 1)
    assert client.get(path, headers=master).status_code == 404
    assert client.delete(path, headers=master).status_code == 404
    assert caller.get("/devices").status_code == 401
    with pytest.raises(KeyError):
        bridge.device(linked)
    archived = stranger.post(f"/chats/{CHAT}/archive", json={"archived": True})
    assert archived.status_code == 200
    assert stranger.get("/devices").get_json()["devices"][0]["id"] == others
    again = client.post("/register", json={**GOOD, "tenant_name": name}, headers=master)
    assert again.status_code == 201


def test_deletion_that_fails_is_repeated(
    client: CheckedClient, caller: Caller, bridge: FakeBridge, master: dict[str, str]
) -> None:
    """The tokens are out at once; the tenant is there until its store is erased."""
    link(caller, bridge)
    path = f"/global/tenants/{caller.tenant_id}"
    bridge.fail_next("tenant.erase", BridgeCode.STORAGE_FAILED)
    answer = client.delete(path, headers=master)
    assert (answer.status_code, answer.get_json()["error_code"]) == (503, "STORAGE_UNAVAILABLE")
    assert "Retry-After" in answer.headers
    assert caller.get("/devices").status_code == 401
    assert client.post(f"{path}/admin-token", headers=master).status_code == 404
    assert client.delete(path, headers=master).status_code == 200
    assert client.get(path, headers=master).status_code == 404
