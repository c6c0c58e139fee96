"""Routes of users."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from werkzeug.test import TestResponse

from bridge.fake import FakeBridge
from tests.support.api import Caller, link


def make(admin: Caller, role: str = "user", email: str | None = None) -> Caller:
    """Make a user of the admin's tenant."""
    body = {"email": email or f"{uuid.uuid4()}@example.com", "role": role}
    answer = admin.post("/users", json=body)
    assert answer.status_code == 201, answer.text
    user = answer.get_json()["user"]
    return Caller(admin.client, user["token"], admin.tenant_id, user["id"])


def told(answer: TestResponse) -> tuple[int, str]:
    """Return the status and the code of an error."""
    return answer.status_code, answer.get_json()["error_code"]


def test_create(caller: Caller) -> None:
    """An admin makes a user, whose token works at once and is shown nowhere else."""
    body = {"email": "clerk@example.com", "role": "user", "password": ["anything"]}
    made = caller.post("/users", json=body).get_json()
    user = made["user"]
    assert (user["email"], user["role"], user["active"]) == ("clerk@example.com", "user", True)
    assert user["tenant_id"] == caller.tenant_id
    assert made["webhook_configured"] is False
    clerk = Caller(caller.client, user["token"], caller.tenant_id, user["id"])
    assert clerk.get("/devices").status_code == 200
    assert user["token"] not in caller.get("/users").text
    assert user["token"] not in caller.get(f"/users/{user['id']}").text


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": None}, "email"),
        ({"email": "nobody"}, "email"),
        ({"email": "a" * 250 + "@example.com"}, "email"),
        ({"role": None}, "role"),
        ({"role": "owner"}, "role"),
        ({"role": "ADMIN"}, "role"),
        ({"active": True}, "active"),
        ({"webhook_url": "https://10.0.0.1/"}, "webhook_url"),
    ],
)
def test_create_with_bad_input(caller: Caller, change: dict[str, Any], field: str) -> None:
    """What is missing, malformed or unknown is named."""
    body = {"email": "clerk@example.com", "role": "user", **change}
    answer = caller.post("/users", json=body)
    assert answer.status_code == 400
    assert field in [problem["field"] for problem in answer.get_json()["validation"]]


def test_address_is_taken_once_in_a_tenant(caller: Caller, stranger: Caller) -> None:
    """Whatever the case of its letters; other tenants may have the same one."""
    make(caller, email="clerk@example.com")
    again = {"email": "Clerk@Example.com", "role": "user"}
    assert told(caller.post("/users", json=again)) == (409, "USER_EXISTS")
    other = make(caller)
    answer = caller.request("PUT", f"/users/{other.user_id}", json={"email": "CLERK@example.com"})
    assert told(answer) == (409, "USER_EXISTS")
    make(stranger, email="clerk@example.com")


def test_list_in_pages(caller: Caller, stranger: Caller) -> None:
    """Every user of the tenant comes once, oldest first, and nobody of another tenant."""
    made = [caller.user_id, *(make(caller).user_id for _ in range(4))]
    make(stranger)
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = caller.get("/users", query_string=query).get_json()
        assert page["count"] == len(page["users"]) <= 2
        seen += [user["id"] for user in page["users"]]
        if "next_cursor" not in page:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == made


def test_cursor_of_another_list(caller: Caller, stranger: Caller) -> None:
    """A cursor fits the list of its own owner alone, and no letter of it can be changed."""
    make(caller)
    cursor = caller.get("/users?limit=1").get_json()["next_cursor"]
    for _ in range(2):
        caller.post("/tokens", json={"name": "one"})
    tokens = caller.get("/tokens?limit=1").get_json()["next_cursor"]
    changed = ("A" if cursor[5] != "A" else "B").join([cursor[:5], cursor[6:]])
    for owner, bad in ((stranger, cursor), (caller, tokens), (caller, changed), (caller, "x")):
        answer = owner.get("/users", query_string={"cursor": bad})
        assert told(answer) == (400, "VALIDATION_ERROR")
        assert answer.get_json()["validation"][0]["field"] == "cursor"


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "ten", "", "1.5"])
def test_bad_limit(caller: Caller, limit: str) -> None:
    """A page has 1 to 1000 rows."""
    for path in ("/users", "/tokens", "/audit"):
        assert caller.get(path, query_string={"limit": limit}).status_code == 400


def test_everybody_sees_himself(caller: Caller) -> None:
    """A user sees himself and nobody else; managers see everybody."""
    user, manager = make(caller), make(caller, "manager")
    assert user.get(f"/users/{user.user_id}").get_json()["data"]["id"] == user.user_id
    assert user.get(f"/users/{user.user_id.upper()}").status_code == 200
    assert told(user.get(f"/users/{caller.user_id}")) == (403, "FORBIDDEN")
    assert manager.get(f"/users/{caller.user_id}").status_code == 200


def test_update_merges(caller: Caller) -> None:
    """What is absent or null stays."""
    user = make(caller)
    path = f"/users/{user.user_id}"
    for body in ({}, {"email": None}, {"email": "new@example.com"}, {"role": "manager"}):
        assert caller.request("PUT", path, json=body).status_code == 200
    shown = caller.get(path).get_json()["data"]
    assert (shown["email"], shown["role"], shown["active"]) == ("new@example.com", "manager", True)
    assert caller.request("PUT", path, json={"active": "yes"}).status_code == 400
    assert caller.request("PUT", path, json={"tenant_id": "x"}).status_code == 400


def test_inactive_users_are_out_at_once(caller: Caller) -> None:
    """None of their tokens works while they are inactive; afterwards all do."""
    user = make(caller)
    further = user.post("/tokens", json={"name": "one"}).get_json()["token"]
    path = f"/users/{user.user_id}"
    for active, status in ((False, 401), (True, 200)):
        caller.request("PUT", path, json={"active": active})
        for token in (user.token, further):
            headers = {"Authorization": f"Bearer {token}"}
            assert user.client.get("/devices", headers=headers).status_code == status


def test_managers_set_active_of_users_alone(caller: Caller) -> None:
    """Nothing else, of nobody else, and not together with something else."""
    manager, other, user = make(caller, "manager"), make(caller, "manager"), make(caller)
    for target, body, status in (
        (user, {"active": False}, 200),
        (user, {"active": True, "email": "new@example.com"}, 403),
        (user, {"email": "new@example.com"}, 403),
        (user, {"role": "manager"}, 403),
        (user, {}, 403),
        (other, {"active": False}, 403),
        (manager, {"active": False}, 403),
        (caller, {"active": False}, 403),
    ):
        answer = manager.request("PUT", f"/users/{target.user_id}", json=body)
        assert answer.status_code == status, body


def test_promotion(caller: Caller) -> None:
    """Managers make users managers; admins make anybody more, and nobody less or the same."""
    manager, user = make(caller, "manager"), make(caller)
    path = f"/users/{user.user_id}/promote"
    assert manager.post(path, json={"new_role": "admin"}).status_code == 403
    answer = manager.post(path, json={"new_role": "manager"})
    expected = {"user_id": user.user_id, "old_role": "user", "new_role": "manager"}
    assert answer.get_json()["data"] == expected
    for role in ("manager", "user"):
        assert told(caller.post(path, json={"new_role": role})) == (400, "VALIDATION_ERROR")
    assert manager.post(path, json={"new_role": "admin"}).status_code == 403
    assert (
        user.post(f"/users/{user.user_id}/promote", json={"new_role": "admin"}).status_code == 403
    )
    assert caller.post(path, json={"new_role": "admin"}).status_code == 200
    assert user.get("/users").status_code == 200


def test_nobody_changes_himself(caller: Caller) -> None:
    """Also an admin among several can't change, remove or promote himself."""
    make(caller, "admin")
    path = f"/users/{caller.user_id}"
    assert told(caller.request("PUT", path, json={"email": "new@example.com"})) == (
        403,
        "FORBIDDEN",
    )
    assert told(caller.request("PUT", path, json={"role": "user"})) == (403, "FORBIDDEN")
    assert told(caller.request("DELETE", path)) == (403, "FORBIDDEN")
    answer = caller.post(f"{path}/promote", json={"new_role": "admin"})
    assert told(answer) == (403, "FORBIDDEN")


def test_last_admin_stays(caller: Caller) -> None:
    """The last active admin can't be removed, deactivated or made less."""
    inactive = make(caller, "admin")
    caller.request("PUT", f"/users/{inactive.user_id}", json={"active": False})
    path = f"/users/{caller.user_id}"
    for body in ({"active": False}, {"role": "manager"}):
        assert told(caller.request("PUT", path, json=body)) == (409, "LAST_ADMIN")
    assert told(caller.request("DELETE", path)) == (409, "LAST_ADMIN")
    assert caller.request("DELETE", f"/users/{inactive.user_id}").status_code == 200


def test_rotation(caller: Caller) -> None:
    """A new first token takes the place of the old one; further tokens stay."""
    user = make(caller)
    further = user.post("/tokens", json={"name": "one"}).get_json()["token"]
    path = f"/users/{user.user_id}/token"
    by_himself = user.post(path).get_json()["data"]
    assert by_himself["user_id"] == user.user_id
    assert user.get("/devices").status_code == 401
    by_admin = caller.post(path, json={}).get_json()["data"]["token"]
    for token, status in ((by_himself["token"], 401), (by_admin, 200), (further, 200)):
        headers = {"Authorization": f"Bearer {token}"}
        assert user.client.get("/devices", headers=headers).status_code == status
    other = make(caller, "manager")
    assert told(other.post(path)) == (403, "FORBIDDEN")


def test_deletion_erases_the_devices(caller: Caller, bridge: FakeBridge) -> None:
    """The user is gone with all devices and tokens; other users keep theirs."""
    user = make(caller)
    linked, empty, others = link(user, bridge), user.create_device(), link(caller, bridge)
    answer = caller.request("DELETE", f"/users/{user.user_id}")
    assert answer.status_code == 200
    assert user.get("/devices").status_code == 401
    assert told(caller.get(f"/users/{user.user_id}")) == (404, "USER_NOT_FOUND")
    assert [row["id"] for row in caller.get("/devices").get_json()["devices"]] == [others]
    for device in (linked, empty):
        with pytest.raises(KeyError):
            bridge.device(device)
    assert told(caller.request("DELETE", f"/users/{user.user_id}")) == (404, "USER_NOT_FOUND")
