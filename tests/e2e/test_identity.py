"""Erasing devices, users and tenants whole: on the phone, in every file, and for good."""

from __future__ import annotations

import json
from typing import Any

import httpx

from tests.support.service import Caller, Service
from tests.support.simulator import Phone, Simulator

CHAT = "15557000001@s.whatsapp.net"


def own_id(caller: Caller) -> str:
    """Return the id of the caller's only device."""
    (device,) = caller.request("GET", "/user/devices").json()["data"]["devices"]
    return str(device["id"])


def tenant_of(caller: Caller) -> str:
    """Return the id of the caller's tenant."""
    return str(caller.request("GET", "/users").json()["users"][0]["tenant_id"])


def as_platform(service: Service, method: str, path: str) -> httpx.Response:
    """Send a request with the platform's token."""
    headers = {"Authorization": f"Bearer {service.master_token()}"}
    return service.http.request(method, path, headers=headers)


def add_user(caller: Caller, role: str = "user") -> tuple[Caller, str]:
    """Make a user of the caller's tenant, and return the id too."""
    body = {"email": f"{role}@example.com", "role": role}
    made: dict[str, Any] = caller.request("POST", "/users", json=body).json()["user"]
    return Caller(caller.service, made["token"]), str(made["id"])


def files_with(service: Service, text: str) -> list[str]:
    """Return the files below the data directory that hold a text."""
    files = [file for file in service.data.rglob("*") if file.is_file()]
    return [file.name for file in files if text.encode() in file.read_bytes()]


def test_purged_device_is_gone_from_the_phone(linked: Caller, phone: Phone) -> None:
    """The phone shows no linked device any more, and the user can link a new one."""
    device = own_id(linked)
    answer = linked.request("DELETE", f"/devices/{device}", params={"purge": "true"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["unlinked"] is True
    assert phone.devices() == []
    assert linked.status()["status"] == "new"
    linked.link(phone)
    assert linked.archive(CHAT).status_code == 200


def test_deleted_user_is_gone_from_the_phone(
    service: Service, caller: Caller, phone: Phone
) -> None:
    """The user's device is unlinked, its account is in no file, and the tenant goes on."""
    user, user_id = add_user(caller)
    user.link(phone)
    assert files_with(service, phone.pn) != []
    answer = caller.request("DELETE", f"/users/{user_id}")
    assert answer.status_code == 200, answer.text
    assert phone.devices() == []
    assert user.request("GET", "/status").status_code == 401
    assert caller.request("GET", "/devices").json()["devices"] == []
    assert files_with(service, phone.pn) == []


def test_deleted_tenant_leaves_no_store(own_service: Service, simulator: Simulator) -> None:
    """Its file is gone and its device unlinked; the other tenant is served on, and restarts."""
    gone, stays = own_service.register(), own_service.register()
    phones = [simulator.add_phone(), simulator.add_phone()]
    gone.link(phones[0])
    stays.link(phones[1])
    tenant_id = tenant_of(gone)
    folder = own_service.data / "devices"
    assert [file.name for file in folder.glob(f"{tenant_id}*")] != []
    answer = as_platform(own_service, "DELETE", f"/global/tenants/{tenant_id}")
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"]["unlinked"] == 1
    assert list(folder.glob(f"{tenant_id}*")) == []
    assert phones[0].devices() == []
    assert files_with(own_service, phones[0].pn) == []
    assert gone.request("GET", "/status").status_code == 401
    assert stays.archive(CHAT).status_code == 200
    own_service.restart()
    stays.wait_usable()
    assert stays.archive(CHAT, False).status_code == 200
    assert list(folder.glob(f"{tenant_id}*")) == []
    assert as_platform(own_service, "GET", f"/global/tenants/{tenant_id}").status_code == 404
    assert [phone.violations() for phone in phones] == [[], []]


def test_restricted_token_archives_and_nothing_else(linked: Caller, phone: Phone) -> None:
    """A token for chats alone archives, and reaches nothing that it is not for."""
    body = {"name": "Archiver", "scopes": ["chats:write"]}
    token = linked.request("POST", "/tokens", json=body).json()["token"]
    archiver = Caller(linked.service, token)
    assert archiver.archive(CHAT).status_code == 200
    assert phone.is_archived(CHAT) is True
    for method, path in (("GET", "/status"), ("GET", "/users"), ("POST", "/tokens")):
        assert archiver.request(method, path).status_code == 403


def test_audit_log_survives_a_restart(own_service: Service, simulator: Simulator) -> None:
    """Every answered write is in the log of the next process, with no number and no token in it."""
    caller = own_service.register().link(simulator.add_phone())
    for number in range(20):
        assert caller.archive(CHAT, archived=number % 2 == 0).status_code == 200
    caller.request("POST", "/tokens", json={"name": "one"})
    own_service.restart()
    entries = caller.request("GET", "/audit", params={"limit": 1000}).json()["entries"]
    actions = [entry["action"] for entry in entries]
    assert actions.count("chat.archive") == 20
    assert actions[0] == "token.create"
    assert actions[-1] == "tenant.register"
    text = json.dumps(entries)
    assert CHAT.partition("@")[0] not in text
    assert caller.token not in text
