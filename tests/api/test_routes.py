"""One walk over every route: envelope, methods, tokens, bodies, headers."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest
import structlog

from app.logs import configure_logging
from app.openapi import build_document
from bridge.fake import FakeBridge
from tests.support.api import CHAT, MASTER, Caller
from tests.support.contract import CheckedClient

OPERATIONS = [
    (method.upper(), path.replace("{chat_jid}", CHAT), operation)
    for path, methods in build_document()["paths"].items()
    for method, operation in methods.items()
    if method != "parameters"
]
GUARDED = [row[:2] for row in OPERATIONS if "security" in row[2]]
WITH_BODY = [row[:2] for row in OPERATIONS if "requestBody" in row[2]]
PLATFORM = {row[:2] for row in OPERATIONS if row[2].get("security") == [{"master_token": []}]}
PATHS = sorted({path for _, path, _ in OPERATIONS} | {"/openapi.json", "/docs"})
HEADLESS = {"/qr", "/events/stream"}
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"]
TOKEN = "3f1d2c4b-1111-4222-8333-444455556666"


# What may stand behind these is a name, also where it is that of another operation.
NAMED = {"/chats": f"/chats/{CHAT}", "/calls": "/calls/{call_id}"}


def ends_with_name(path: str) -> bool:
    """Tell whether a path ends with an id, or with what could be one."""
    return path.endswith("}") or path.rpartition("/")[0] in NAMED


def served(path: str) -> set[str]:
    """Return the methods that a path takes."""
    methods = {method for method, known, _ in OPERATIONS if known == path} or {"GET"}
    named = NAMED.get(path.rpartition("/")[0])
    methods |= {method for method, known, _ in OPERATIONS if known == named}
    return methods | ({"HEAD"} if "GET" in methods and path not in HEADLESS else set())


@pytest.mark.parametrize("path", PATHS)
def test_other_methods(client: CheckedClient, path: str) -> None:
    """Any other method is 405 with the envelope and the methods that are taken."""
    for method in set(METHODS) - served(path):
        answer = client.open(path, method=method)
        assert answer.status_code == 405, method
        assert set(answer.headers["Allow"].split(", ")) == served(path)


@pytest.mark.parametrize(
    ("path", "change"),
    [
        (path, change)
        for path in PATHS
        for change in ("{}/", "/{}", "{}//", "{}x", "/v1{}")
        # An id with one more letter is another id, not another path.
        if not (ends_with_name(path) and change == "{}x")
    ],
)
def test_other_paths(caller: Caller, path: str, change: str) -> None:
    """Nothing is redirected or guessed: another path is another path."""
    for method in ("GET", "POST"):
        raw = {"PATH_INFO": change.format(path)}
        answer = caller.request(method, "/", environ_overrides=raw)
        assert (answer.status_code, answer.get_json()["error_code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_without_a_token(client: CheckedClient, method: str, path: str) -> None:
    """Without a token, or with a malformed or unknown one, nobody gets in, whatever the body."""
    headers = [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": f"Bearer {TOKEN}"},
        {"Authorization": f"Bearer {TOKEN.replace('-4222-', '-1222-')}"},
        {"Authorization": f"Basic {TOKEN}"},
    ]
    for given in headers:
        answer = client.open(path, method=method, headers=given, data=b"not JSON")
        assert (answer.status_code, answer.get_json()["error_code"]) == (401, "UNAUTHORIZED")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_token_in_the_wrong_place(
    client: CheckedClient, caller: Caller, method: str, path: str
) -> None:
    """A good token counts in the header alone: not in the query, a cookie, a form or the body."""
    names = ("token", "access_token", "api_key", "Authorization", "apikey")
    token = MASTER if (method, path) in PLATFORM else caller.token
    everywhere = dict.fromkeys(names, token)
    for name in names:
        client.set_cookie(name, token)
    for options in (
        {"query_string": everywhere},
        {"data": everywhere},
        {"json": everywhere},
        {"headers": {"X-Api-Key": token, "X-Auth-Token": token, "Token": token}},
    ):
        answer = client.open(path, method=method, **options)
        assert answer.status_code == 401


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_token_of_the_other_kind(
    client: CheckedClient, caller: Caller, method: str, path: str
) -> None:
    """The platform's token opens no tenant's route, and a tenant's none of the platform's."""
    token = caller.token if (method, path) in PLATFORM else MASTER
    answer = client.open(path, method=method, headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.get_json()["error_code"]) == (403, "FORBIDDEN")


def test_accepted_forms_of_the_header(client: CheckedClient, caller: Caller) -> None:
    """The scheme may be in any case, or missing."""
    for form in ("Bearer {}", "bearer {}", "BEARER {}", "{}"):
        header = {"Authorization": form.format(caller.token)}
        assert client.get("/devices", headers=header).status_code == 200


@pytest.mark.parametrize(("method", "path"), WITH_BODY)
def test_bodies_that_are_no_json(caller: Caller, method: str, path: str) -> None:
    """Wrong types are 415, broken JSON and unknown fields 400, too much is 413: on every route."""
    token = MASTER if (method, path) in PLATFORM else caller.token
    headers = {"Authorization": f"Bearer {token}"}
    for options, status in (
        ({"data": b"<a/>", "content_type": "application/xml"}, 415),
        ({"data": {"a": "b"}}, 415),
        ({"data": b"{", "content_type": "application/json"}, 400),
        ({"data": b'"text"', "content_type": "application/json"}, 400),
        ({"json": {"unheard_of": 1}}, 400),
        ({"json": {"unheard_of": "x" * 256 * 1024}}, 413),
    ):
        answer = caller.client.open(path, method=method, headers=headers, **options)
        assert answer.status_code == status, options.keys()


def test_request_id(client: CheckedClient) -> None:
    """The request's id is kept if it is one, else a new one is given."""
    given = client.get("/healthz", headers={"X-Request-Id": "order-66_a.b"})
    assert given.headers["X-Request-Id"] == "order-66_a.b"
    for bad in ("with space", "x" * 65, "ü", ""):
        answer = client.get("/healthz", headers={"X-Request-Id": bad})
        assert answer.headers["X-Request-Id"] != bad


@pytest.fixture
def restored_logging() -> Iterator[None]:
    """Undo what a test does to logging."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.usefixtures("restored_logging")
def test_log_holds_no_secret(
    caller: Caller, bridge: FakeBridge, capsys: pytest.CaptureFixture[str]
) -> None:
    """No token, code, path, query, body or number is logged, but route, ids and status are."""
    configure_logging("debug")
    device = caller.create_device()
    code = caller.get("/qr").get_json()["data"]["qr_code"]
    bridge.link(device)
    caller.get("/status?wait=25&until=connected")
    caller.post(f"/chats/{CHAT}/archive", json={"archived": True})
    caller.post(f"/chats/{CHAT}/archive", json={"archived": "canary-body"})
    caller.get(f"/canary-path?token={caller.token}")
    caller.request("CANARY", "/devices")
    written = capsys.readouterr().out
    for secret in (caller.token, MASTER, code, "canary", "CANARY", CHAT.partition("@")[0]):
        assert secret not in written
    lines = [json.loads(line) for line in written.splitlines()]
    (accepted, refused) = [line for line in lines if line.get("chat")]
    assert accepted["route"] == "/chats/{chat_jid}/archive"
    assert accepted["tenant_id"] == caller.tenant_id
    assert accepted["user_id"] == caller.user_id
    assert (accepted["status"], refused["status"]) == (200, 400)
    assert refused["error_code"] == "VALIDATION_ERROR"
    assert accepted["chat"] == refused["chat"]
    assert accepted["request_id"] != refused["request_id"]


def test_importing_loads_no_library() -> None:
    """Importing the application, or putting one together, maps no Go library."""
    code = (
        "import app, wsgi, bridge; "
        "assert 'wabridge' not in open('/proc/self/maps').read(); print('none')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "none\n"
