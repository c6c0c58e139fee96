"""The API against its own description: whatever is asked, it answers as documented."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CheckFunction
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app import create_app
from app.context import EXTENSION
from app.openapi import build_document
from app.settings import Settings
from bridge.fake import FakeBridge
from sessions.deadline import Deadline
from sessions.event_streams import Pace
from tests.support.api import CHAT, MASTER, Caller, link

EXAMPLES = 25
_tenants = count(1)
CHECKS: list[CheckFunction] = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

LIMITS = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
POSITIVE, NEGATIVE = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
OPERATIONS = [
    (method, path, mode)
    for path, methods in build_document()["paths"].items()
    for method, operation in methods.items()
    if method != "parameters"
    for mode in (POSITIVE, NEGATIVE)
    # What takes no input can't be given a wrong one.
    if mode is POSITIVE or {"parameters", "requestBody"} & {*methods, *operation}
]


@pytest.fixture(scope="module")
def bridge() -> FakeBridge:
    """The stand-in for the Go library."""
    return FakeBridge()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, bridge: FakeBridge) -> Iterator[Flask]:
    """A started application."""
    data_dir = tmp_path_factory.mktemp("service") / "data"
    app = create_app(
        Settings(data_dir=data_dir, master_token=MASTER, management_bind=None, request_timeout=5),
        bridge,
    )
    umask = os.umask(0o077)
    context = app.extensions[EXTENSION]
    # A stream is read to its end.
    context.service.event_streams._pace = Pace(life=0)
    lifecycle = context.lifecycle
    lifecycle.start()
    yield app
    lifecycle.stop(Deadline.after(10))
    os.umask(umask)


@pytest.fixture
def caller(app: Flask, bridge: FakeBridge) -> Caller:
    """The admin of a new tenant."""
    number = next(_tenants)
    made = app.test_client().post(
        "/register",
        json={"tenant_name": f"Fuzzed {number}", "email": "admin@example.com"},
        headers={"Authorization": f"Bearer {MASTER}"},
    )
    assert made.status_code == 201, made.text
    body: dict[str, Any] = made.get_json()
    client: Any = app.test_client()
    return Caller(client, body["token"], body["tenant"]["id"], body["user"]["id"])


CALL_ID = "5B7F00000000000000000000000000A1"


@pytest.fixture
def known(caller: Caller, bridge: FakeBridge) -> dict[str, str]:
    """What is there in the tenant, by the name of its parameter."""
    user = caller.post("/users", json={"email": "user@example.com", "role": "user"})
    token = caller.post("/tokens", json={"name": "spare"})
    assert (user.status_code, token.status_code) == (201, 201)
    device_id = link(caller, bridge)
    bridge.ring(device_id, CALL_ID, CHAT)
    return {
        "call_id": CALL_ID,
        "chat_jid": CHAT,
        "delivery_id": "1",
        "device_id": device_id,
        "tenant_id": caller.tenant_id,
        "user_id": user.get_json()["user"]["id"],
        "token_id": token.get_json()["data"]["id"],
    }


@pytest.fixture(scope="module")
def api(app: Flask) -> Any:
    """The description as it is served."""
    return schemathesis.openapi.from_wsgi("/openapi.json", app)


@pytest.mark.parametrize(("method", "path", "mode"), OPERATIONS)
def test_answers_are_documented(
    api: Any, caller: Caller, known: dict[str, str], method: str, path: str, mode: GenerationMode
) -> None:
    """Each status is documented, each body fits its schema, and no 5xx is undocumented.

    Each request is made twice: as generated, and about what is there.
    """
    operation = api[path][method]
    kinds = [name for one in operation.definition.raw.get("security", []) for name in one]
    token = MASTER if kinds == ["master_token"] else caller.token
    headers = {"Authorization": f"Bearer {token}"}

    @LIMITS
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: schemathesis.Case) -> None:
        case.query.update({"wait": 0} if "wait" in case.query else {})
        case.call_and_validate(headers=headers, checks=CHECKS)
        case.query.update({"device_id": known["device_id"]} if "device_id" in case.query else {})
        case.path_parameters.update({name: known[name] for name in case.path_parameters})
        case.call_and_validate(headers=headers, checks=CHECKS)

    ask()
