"""Every operation, and everybody who might call it: who gets in, and what the others are told.

The table below is written by hand, apart from the one that the code enforces. A body that is no
JSON shows that somebody got in without changing anything: it is refused only behind the door.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app import access
from app.examples.passkeys import RESPONSE
from app.openapi import build_document
from sessions.principals import Role, Scope
from tests.api.conftest import parts, register
from tests.support.api import CHAT, MASTER, Caller
from tests.support.contract import CheckedClient

EVERYBODY = "user manager admin"
MANAGERS = "manager admin"

# Operation: the scope that a restricted token needs ("-": none is enough), and the roles.
TENANT = {
    "GET /chats": ("chats:read", EVERYBODY),
    "GET /chats/{chat_jid}": ("chats:read", EVERYBODY),
    "GET /events": ("events:read", EVERYBODY),
    "GET /events/stream": ("events:read", EVERYBODY),
    "POST /chats/{chat_jid}/archive": ("chats:write", EVERYBODY),
    "POST /chats/archive": ("chats:write", EVERYBODY),
    "POST /chats/{chat_jid}/mute": ("chats:write", EVERYBODY),
    "POST /chats/{chat_jid}/pin": ("chats:write", EVERYBODY),
    "DELETE /chats/{chat_jid}/pin": ("chats:write", EVERYBODY),
    "POST /chats/{chat_jid}/read": ("chats:write", EVERYBODY),
    "PUT /chats/{chat_jid}/disappearing": ("chats:write", EVERYBODY),
    "POST /chats/{chat_jid}/typing": ("presence:write", EVERYBODY),
    "POST /presence": ("presence:write", EVERYBODY),
    "POST /presence/subscribe": ("presence:write", EVERYBODY),
    "GET /calls": ("calls:read", EVERYBODY),
    "GET /calls/{call_id}": ("calls:read", EVERYBODY),
    "POST /calls/reject": ("calls:write", EVERYBODY),
    "GET /calls/settings": ("calls:read", EVERYBODY),
    "PUT /calls/settings": ("calls:write", EVERYBODY),
    "GET /appstate": ("devices:manage", EVERYBODY),
    "POST /appstate/sync": ("appstate:write", EVERYBODY),
    "POST /devices": ("devices:manage", EVERYBODY),
    "GET /devices": ("devices:manage", EVERYBODY),
    "GET /user/devices": ("devices:manage", EVERYBODY),
    "DELETE /devices/{device_id}": ("devices:manage", EVERYBODY),
    "GET /qr": ("devices:manage", EVERYBODY),
    "POST /paircode": ("devices:manage", EVERYBODY),
    "GET /qr/status": ("devices:manage", EVERYBODY),
    "GET /passkey": ("devices:manage", EVERYBODY),
    "POST /passkey/response": ("devices:manage", EVERYBODY),
    "POST /passkey/confirm": ("devices:manage", EVERYBODY),
    "GET /status": ("devices:manage", EVERYBODY),
    "POST /connect": ("devices:manage", EVERYBODY),
    "POST /disconnect": ("devices:manage", EVERYBODY),
    "POST /logout": ("devices:manage", EVERYBODY),
    "POST /webhook": ("webhooks:manage", EVERYBODY),
    "GET /webhook": ("webhooks:manage", EVERYBODY),
    "DELETE /webhook": ("webhooks:manage", EVERYBODY),
    "POST /user/webhook": ("webhooks:manage", EVERYBODY),
    "GET /webhook/events": ("webhooks:manage", EVERYBODY),
    "POST /webhook/test": ("webhooks:manage", EVERYBODY),
    "GET /webhook/deliveries": ("webhooks:manage", EVERYBODY),
    "POST /webhook/deliveries/{delivery_id}/retry": ("webhooks:manage", EVERYBODY),
    "POST /webhook/deliveries/retry": ("webhooks:manage", EVERYBODY),
    "POST /users": ("-", "admin"),
    "GET /users": ("-", MANAGERS),
    # Of others; everybody may see himself, which test_users.py shows.
    "GET /users/{user_id}": ("-", MANAGERS),
    "PUT /users/{user_id}": ("-", MANAGERS),
    "DELETE /users/{user_id}": ("-", "admin"),
    "POST /users/{user_id}/promote": ("-", MANAGERS),
    "POST /users/{user_id}/token": ("-", EVERYBODY),
    "POST /tokens": ("-", EVERYBODY),
    "GET /tokens": ("-", EVERYBODY),
    "DELETE /tokens/{token_id}": ("-", EVERYBODY),
    "GET /audit": ("audit:read", "admin"),
}
PLATFORM = [
    "POST /register",
    "GET /tenants",
    "GET /global/tenants/{tenant_id}",
    "DELETE /global/tenants/{tenant_id}",
    "POST /global/tenants/{tenant_id}/admin-token",
]
# Without a user's token; the metrics have one of their own.
OPEN = ["GET /healthz", "GET /readyz", "GET /metrics"]
# What acts on a thing of the tenant's, named in the path or the query.
NAMING = [operation for operation in TENANT if re.search(r"{(device|user|token)_id}", operation)]
CHOOSING = ["GET /qr", "GET /qr/status", "GET /status", "POST /connect", "POST /disconnect"]
CHOOSING += ["GET /passkey", "POST /passkey/confirm"]
CHOOSING += ["GET /events", "GET /events/stream"]
CHOOSING += ["GET /calls", "GET /calls/{call_id}", "GET /calls/settings"]
CHOOSING += ["GET /webhook", "GET /webhook/deliveries"]
# The same, with a body that changes something.
CHANGING: dict[str, dict[str, Any]] = {
    "POST /chats/{chat_jid}/archive": {"archived": True},
    "POST /chats/archive": {"archived": True, "chat_jids": [CHAT]},
    "POST /chats/{chat_jid}/mute": {"muted": True},
    "POST /chats/{chat_jid}/pin": {},
    "DELETE /chats/{chat_jid}/pin": {},
    "POST /chats/{chat_jid}/read": {"read": True},
    "PUT /chats/{chat_jid}/disappearing": {"preset": "24h"},
    "POST /chats/{chat_jid}/typing": {"state": "typing"},
    "POST /presence": {},
    "POST /presence/subscribe": {"jid": CHAT},
    "POST /paircode": {"phone": "15550100077"},
    "POST /passkey/response": RESPONSE,
    "POST /calls/reject": {"call_id": "C1", "from": CHAT},
    "PUT /calls/settings": {"auto_reject": "all"},
    "POST /webhook": {"webhook_url": "https://example.com/", "enabled_events": ["chat.pin"]},
    "DELETE /webhook": {},
    "POST /webhook/test": {},
    "POST /webhook/deliveries/{delivery_id}/retry": {},
    "POST /webhook/deliveries/retry": {"after": 0},
}

DOCUMENT = build_document()["paths"]
WITH_BODY = {
    f"{method.upper()} {path}"
    for path, methods in DOCUMENT.items()
    for method, operation in methods.items()
    if method != "parameters" and "requestBody" in operation
}


@dataclass(frozen=True, slots=True)
class World:
    """One tenant with a user of each role, everybody's tokens, and the admin of another tenant."""

    client: CheckedClient
    callers: dict[Role, Caller]
    stranger: Caller
    refused: dict[str, str]

    def send(
        self, operation: str, token: str | None, *, things: dict[str, str] | None = None
    ) -> TestResponse:
        """Send a request that changes nothing; `things` are the ids that the path names."""
        method, path = operation.split()
        names: dict[str, str] = {"chat_jid": CHAT, **(things or {})}
        path = re.sub(r"{(\w+)}", lambda found: names.get(found[1], str(uuid.uuid4())), path)
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        body = {"data": b"not JSON"} if operation in WITH_BODY else {}
        return self.client.open(path, method=method, headers=headers, **body)

    def forget_tokens(self) -> None:
        """Revoke the admin's further tokens: a user has a limited number of them."""
        admin = self.callers[Role.ADMIN]
        for token in admin.get("/tokens?limit=1000").get_json()["tokens"]:
            admin.request("DELETE", f"/tokens/{token['id']}")

    def restricted(self, *scopes: Scope) -> str:
        """Make a token of the admin's that may do so much and no more."""
        return make_token(self.callers[Role.ADMIN], scopes=list(scopes))["token"]


@pytest.fixture(scope="module")
def world(app: Flask) -> Iterator[World]:
    """Everybody."""
    client = app.test_client()
    assert isinstance(client, CheckedClient)
    admin = register(client)
    callers = {Role.ADMIN: admin}
    for role in (Role.MANAGER, Role.USER):
        callers[role] = make_user(admin, role)
    world = World(client, callers, register(client), {})
    world.refused.update(make_refused(app, admin))
    yield world
    world.forget_tokens()


def make_user(admin: Caller, role: Role, name: str = "") -> Caller:
    """Make a user of the admin's tenant."""
    email = f"{name or role}@example.com"
    made = admin.post("/users", json={"email": email, "role": role}).get_json()["user"]
    return Caller(admin.client, made["token"], admin.tenant_id, made["id"])


def make_token(caller: Caller, **properties: Any) -> dict[str, Any]:
    """Make a further token."""
    answer = caller.post("/tokens", json={"name": "one", **properties})
    assert answer.status_code == 201, answer.text
    return dict(answer.get_json())


def make_refused(app: Flask, admin: Caller) -> dict[str, str]:
    """Make one of each token that lets nobody in."""
    revoked = make_token(admin)
    admin.request("DELETE", f"/tokens/{revoked['data']['id']}")
    inactive = make_user(admin, Role.ADMIN, "inactive")
    admin.request("PUT", f"/users/{inactive.user_id}", json={"active": False})
    rotated = make_user(admin, Role.ADMIN, "rotated")
    admin.post(f"/users/{rotated.user_id}/token")
    deleted = make_user(admin, Role.ADMIN, "deleted")
    admin.request("DELETE", f"/users/{deleted.user_id}")
    return {
        "revoked": revoked["token"],
        "expired": make_expired(app, admin),
        "of an inactive user": inactive.token,
        "rotated away": rotated.token,
        "of a deleted user": deleted.token,
        "unknown": str(uuid.uuid4()),
        "malformed": "nonsense",
        "of another version": str(uuid.uuid1()),
        "cut off": admin.token[:-1],
        "id instead of token": revoked["data"]["id"],
        "master, almost": MASTER[:-1],
    }


def make_expired(app: Flask, admin: Caller) -> str:
    """Make a token while the clock says that it is an hour ago; it lived for a minute."""
    tokens = parts(app).service.tokens
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    present, tokens._now = tokens._now, lambda: long_ago
    try:
        expires_at = (long_ago + timedelta(minutes=1)).isoformat()
        return str(make_token(admin, expires_at=expires_at)["token"])
    finally:
        tokens._now = present


def told(answer: TestResponse) -> tuple[int, str]:
    """Return the status and the code of an error."""
    return answer.status_code, answer.get_json().get("error_code", "")


def is_inside(answer: TestResponse) -> bool:
    """Whether the caller was let in, whatever came of it."""
    return answer.status_code not in (401, 403)


def test_every_operation_is_in_the_matrix() -> None:
    """Nothing is served that this file does not know."""
    documented = {
        f"{method.upper()} {path}"
        for path, methods in DOCUMENT.items()
        for method in methods
        if method != "parameters"
    }
    assert documented == {*TENANT, *PLATFORM, *OPEN}


def test_table_of_the_code_has_no_leftovers(app: Flask) -> None:
    """Every entry of the table that is enforced belongs to an operation."""
    assert {*access.TENANT, *access.PLATFORM} <= set(app.view_functions)


@pytest.mark.parametrize("operation", [*TENANT, *PLATFORM])
def test_tokens_that_let_nobody_in(world: World, operation: str) -> None:
    """Without a token, and with one that is or was none, the answer is always the same 401."""
    bodies = set()
    for token in (None, *world.refused.values()):
        answer = world.send(operation, token)
        assert told(answer) == (401, "UNAUTHORIZED")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        bodies.add(answer.get_json()["error"])
    assert len(bodies) == 1


@pytest.mark.parametrize("operation", TENANT)
@pytest.mark.parametrize("role", Role)
def test_roles(world: World, operation: str, role: Role) -> None:
    """A role gets in where the table says so, and is told 403 everywhere else."""
    answer = world.send(operation, world.callers[role].token)
    if role in TENANT[operation][1].split():
        assert is_inside(answer)
    else:
        assert told(answer) == (403, "FORBIDDEN")


def test_scopes(world: World) -> None:
    """A restricted token gets in with the one right scope, and with all others it does not."""
    for needed in sorted({scope for scope, _ in TENANT.values()}):
        operations = [operation for operation, (scope, _) in TENANT.items() if scope == needed]
        without = world.restricted(*(scope for scope in Scope if scope != needed))
        for operation in operations:
            assert told(world.send(operation, without)) == (403, "FORBIDDEN"), operation
        if needed != "-":
            only = world.restricted(Scope(needed))
            assert all(is_inside(world.send(operation, only)) for operation in operations)
        world.forget_tokens()


@pytest.mark.parametrize("operation", TENANT)
def test_the_master_token_acts_in_no_tenant(world: World, operation: str) -> None:
    """The platform's token opens no route of a tenant."""
    assert told(world.send(operation, MASTER)) == (403, "FORBIDDEN")


@pytest.mark.parametrize("operation", PLATFORM)
@pytest.mark.parametrize("role", Role)
def test_no_role_acts_for_the_platform(world: World, operation: str, role: Role) -> None:
    """A tenant's token opens no route of the platform, not even for the tenant's own id."""
    caller = world.callers[role]
    answer = world.send(operation, caller.token, things={"tenant_id": caller.tenant_id})
    assert told(answer) == (403, "FORBIDDEN")
    assert is_inside(world.send(operation, MASTER))


def things_of(admin: Caller) -> dict[str, str]:
    """Return the ids of things of a tenant."""
    device = admin.create_device()
    token = make_token(admin)["data"]["id"]
    return {"device_id": device, "user_id": admin.user_id, "token_id": token}


def test_foreign_things_are_not_found(world: World) -> None:
    """What another tenant owns is answered like what does not exist, and stays as it is."""
    admin = world.callers[Role.ADMIN]
    things = things_of(admin)
    bodies: dict[str, Any] = {"PUT": {"active": False}, "POST": {"new_role": "admin"}}
    for operation in NAMING:
        method, path = operation.split()
        for names in (things, dict.fromkeys(things, str(uuid.uuid4()))):
            body = bodies.get(method) if "token" not in path else {}
            answer = world.stranger.request(
                method, path.format(**names), json=body if operation in WITH_BODY else None
            )
            assert answer.status_code == 404, operation
            assert answer.get_json()["error_code"].endswith("_NOT_FOUND")
    assert admin.get("/status", query_string={"device_id": things["device_id"]}).status_code == 200
    assert admin.get(f"/users/{admin.user_id}").get_json()["data"]["active"] is True
    admin.request("DELETE", f"/devices/{things['device_id']}?purge=true")


@pytest.mark.parametrize("operation", [*CHOOSING, *CHANGING])
def test_foreign_devices_are_not_found(world: World, operation: str) -> None:
    """A device of another tenant cannot be chosen by any role, nor another user's by a user."""
    method, path = operation.split()
    foreign = world.stranger.create_device()
    colleagues = world.callers[Role.ADMIN].create_device()
    body = CHANGING.get(operation, {})
    for role, caller in world.callers.items():
        for device in (foreign, colleagues) if role is Role.USER else (foreign,):
            answer = caller.request(
                method,
                path.format(chat_jid=CHAT, call_id="C1", delivery_id=uuid.uuid4()),
                query_string={"device_id": device},
                json=body if method in ("POST", "PUT") else None,
            )
            assert told(answer) == (404, "DEVICE_NOT_FOUND")
    world.stranger.request("DELETE", f"/devices/{foreign}?purge=true")
    world.callers[Role.ADMIN].request("DELETE", f"/devices/{colleagues}?purge=true")
