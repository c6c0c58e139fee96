"""Requests that are repeated with an idempotency key."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.access import PLATFORM, TENANT, Keyed
from app.context import Context
from app.idempotency import HEADER, REPLAYED
from bridge.errors import BridgeCode
from bridge.fake import FakeBridge
from sessions import idempotency
from tests.api.conftest import build, parts, register, running
from tests.support.api import CHAT, MASTER, Caller, link
from tests.support.contract import CheckedClient, document
from tests.support.sessions import wait_until

_keys = count(1)


def new_key() -> dict[str, str]:
    """Return the header with a key that nobody has used."""
    return {HEADER: f"key {next(_keys)}"}


def archive(caller: Caller, headers: dict[str, str], **options: Any) -> TestResponse:
    """Archive the chat with a key."""
    return caller.post(
        f"/chats/{options.pop('chat', CHAT)}/archive",
        json=options.pop("json", {"archived": True}),
        headers=headers,
        **options,
    )


def patches(bridge: FakeBridge, device: str) -> int:
    """Count the patches that were sent for a device."""
    return sum(
        call.method == "app_state.apply" and call.params["device_id"] == device
        for call in bridge.calls
    )


def outcome(answer: TestResponse) -> tuple[int, str | None]:
    """Return status and error code."""
    return answer.status_code, answer.get_json().get("error_code")


def test_a_repeated_request_is_answered_and_not_done_again(
    caller: Caller, bridge: FakeBridge
) -> None:
    """With its key the same request gets the same answer, and WhatsApp hears of it once."""
    device, key = link(caller, bridge), new_key()
    first, second = archive(caller, key), archive(caller, key)
    assert first.status_code == second.status_code == 200
    assert first.get_json() == second.get_json()
    assert REPLAYED not in first.headers
    assert second.headers[REPLAYED] == "true"
    assert first.headers["X-Request-Id"] != second.headers["X-Request-Id"]
    assert patches(bridge, device) == 1
    assert archive(caller, new_key()).status_code == 200
    assert patches(bridge, device) == 2


def test_another_request_with_the_key(caller: Caller, bridge: FakeBridge) -> None:
    """Another path, query, body or resolved device is another request: 409, and nothing is done."""
    device, key = link(caller, bridge), new_key()
    assert archive(caller, key).status_code == 200
    for options in (
        {"json": {"archived": False}},
        {"chat": "15557000002@s.whatsapp.net"},
        {"query_string": {"device_id": device}},
    ):
        assert outcome(archive(caller, key, **options)) == (409, "IDEMPOTENCY_MISMATCH")
    made = caller.post("/devices", json={"archived": True}, headers=key)
    assert outcome(made) == (409, "IDEMPOTENCY_MISMATCH")
    assert patches(bridge, device) == 1
    caller.request("DELETE", f"/devices/{device}?purge=true")
    link(caller, bridge)
    # What was kept about the first device is erased with it, so this one is done.
    assert REPLAYED not in archive(caller, key).headers


def test_the_resolved_device_counts(caller: Caller, bridge: FakeBridge) -> None:
    """A request that names no device asks for another thing once another device is the only one."""
    device, key = link(caller, bridge), new_key()
    other = caller.create_device("second")
    body = {"archived": True, "device_id": device}
    assert archive(caller, key, json=body).status_code == 200
    assert archive(caller, key, json=body).headers[REPLAYED] == "true"
    body["device_id"] = other
    assert outcome(archive(caller, key, json=body)) == (409, "IDEMPOTENCY_MISMATCH")


def test_a_request_that_still_runs(caller: Caller, bridge: FakeBridge) -> None:
    """While the first one runs, the same request is 409 worth repeating, another one a mismatch."""
    device, key = link(caller, bridge), new_key()
    with ThreadPoolExecutor(1) as threads:
        with bridge.hold("app_state.apply"):
            first = threads.submit(archive, caller, key)
            wait_until(lambda: patches(bridge, device) == 1)
            second = archive(caller, key)
            assert outcome(second) == (409, "IDEMPOTENCY_IN_PROGRESS")
            assert int(second.headers["Retry-After"]) >= 1
            other = archive(caller, key, json={"archived": False})
            assert outcome(other) == (409, "IDEMPOTENCY_MISMATCH")
        assert first.result().status_code == 200
    assert archive(caller, key).headers[REPLAYED] == "true"


def test_a_failure_frees_the_key(caller: Caller, bridge: FakeBridge) -> None:
    """Only success is kept: after an error of any kind the key can be used for anything."""
    link(caller, bridge)
    key = new_key()
    bridge.fail_next("app_state.apply", BridgeCode.SERVER_REFUSED)
    assert archive(caller, key).status_code == 502
    assert archive(caller, key, json={}).status_code == 400
    assert archive(caller, key, json={"archived": False}).status_code == 200
    assert archive(caller, key, json={"archived": False}).headers[REPLAYED] == "true"


def test_keys_belong_to_a_user(caller: Caller, stranger: Caller, bridge: FakeBridge) -> None:
    """Another user's key is another key, and without a valid token there is no replay."""
    link(caller, bridge)
    device, key = link(stranger, bridge), new_key()
    assert archive(caller, key).status_code == 200
    assert REPLAYED not in archive(stranger, key).headers
    assert patches(bridge, device) == 1
    unknown = Caller(caller.client, caller.user_id, caller.tenant_id, caller.user_id)
    assert archive(unknown, key).status_code == 401


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there", "ü"])
def test_a_key_that_is_none(caller: Caller, key: str) -> None:
    """A key has 1 to 255 printable ASCII characters."""
    answer = caller.post("/devices", json={"name": "phone"}, headers={HEADER: key})
    assert outcome(answer) == (400, "VALIDATION_ERROR")
    assert answer.get_json()["validation"][0]["field"] == HEADER


def test_replays_hold_no_token(client: CheckedClient, context: Context) -> None:
    """A token is shown once: the replay is without it, and so is what is stored."""
    headers = {"Authorization": f"Bearer {MASTER}", **new_key()}
    body = {"tenant_name": "Once", "email": "once@example.com"}
    first = client.post("/register", json=body, headers=headers)
    second = client.post("/register", json=body, headers=headers)
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.headers[REPLAYED] == "true"
    token = first.get_json()["token"]
    assert token not in second.text
    assert first.get_json()["tenant"] == second.get_json()["tenant"]
    stored = b"".join(
        file.read_bytes() for file in context.settings.data_dir.iterdir() if "wuts.db" in file.name
    )
    assert b"once@example.com" in stored
    assert token.encode() not in stored


def test_a_kept_answer_ends_with_its_day(
    caller: Caller, bridge: FakeBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its time the key is free again."""
    device, key = link(caller, bridge), new_key()
    monkeypatch.setattr(idempotency, "KEPT_FOR", timedelta(0))
    for _ in range(2):
        assert REPLAYED not in archive(caller, key).headers
    assert patches(bridge, device) == 2


def test_a_kept_answer_survives_a_restart(tmp_path: Path) -> None:
    """A process that comes later knows what was done; what was cut off half-way is free."""
    bridge, key = FakeBridge(), new_key()
    for app in running(build(tmp_path / "data", bridge)):
        caller = register(client_of(app))
        device = link(caller, bridge)
        assert archive(caller, key).status_code == 200
    successor = bridge.reopen()
    for app in running(build(tmp_path / "data", successor)):
        later = Caller(client_of(app), caller.token, caller.tenant_id, caller.user_id)
        assert archive(later, key).headers[REPLAYED] == "true"
        attempts = parts(app).service.idempotency
        cut_off = idempotency.Attempt(caller.user_id, "cut off", b"1" * 32)
        assert attempts.begin(cut_off) is None
        attempts._running.clear()
        other = idempotency.Attempt(caller.user_id, "cut off", b"2" * 32)
        assert attempts.begin(other) is None
    assert patches(successor, device) == 0


def client_of(app: Flask) -> CheckedClient:
    """Return a client of an application."""
    client = app.test_client()
    assert isinstance(client, CheckedClient)
    return client


NOT_KEYED = {"device.pair", "device.connect", "device.disconnect", "device.logout"} | {
    "device.answer_passkey",
    "device.confirm_passkey",
    "chat.typing",
    "presence.set",
    "presence.subscribe",
    "webhook.test",
}


def test_every_write_is_keyed_or_excepted() -> None:
    """Whatever changes something takes a key; not so pairing, connecting, presence and tests."""
    writes = {access.action: access.keyed for access in TENANT.values() if access.action}
    assert {action for action, keyed in writes.items() if keyed is Keyed.NO} == NOT_KEYED


def test_keys_are_documented() -> None:
    """An operation names the header exactly if it names both errors of it."""
    keyed = 0
    for methods in document()["paths"].values():
        for method, operation in methods.items():
            if method == "parameters":
                continue
            names = {parameter.get("name") for parameter in operation.get("parameters", [])}
            conflicts = str(operation["responses"].get("409", ""))
            for code in ("IDEMPOTENCY_MISMATCH", "IDEMPOTENCY_IN_PROGRESS"):
                assert (HEADER in names) == (code in conflicts), operation["summary"]
            keyed += HEADER in names
    in_tenants = sum(access.keyed is not Keyed.NO for access in TENANT.values())
    assert keyed == in_tenants + sum(action is not None for action in PLATFORM.values())
