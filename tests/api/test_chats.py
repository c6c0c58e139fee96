"""POST /chats/{chat_jid}/archive."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pytest

from app.context import Context
from app.errors import STATUSES
from bridge.errors import BridgeCode
from bridge.fake import FakeBridge
from sessions.errors import ErrorCode
from tests.support.api import CHAT, Caller, link

PATH = f"/chats/{CHAT}/archive"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def linked(caller: Caller, bridge: FakeBridge) -> Caller:
    """A caller with one linked and connected device."""
    link(caller, bridge)
    return caller


def sent(bridge: FakeBridge, caller: Caller) -> list[dict[str, Any]]:
    """Return the mutations that the bridge was asked to apply for a tenant, in order."""
    return [
        mutation
        for call in bridge.calls_of("app_state.apply")
        if call.params["tenant_id"] == caller.tenant_id
        for mutation in call.params["mutations"]
    ]


@pytest.mark.parametrize("archived", [True, False])
def test_archive(linked: Caller, bridge: FakeBridge, archived: bool) -> None:
    """What was asked is sent, and echoed once it is accepted, in the documented order."""
    answer = linked.post(PATH, json={"archived": archived})
    assert answer.status_code == 200
    expected = {"success": True, "chat_jid": CHAT, "archived": archived}
    assert list(answer.get_json().items()) == list(expected.items())
    (first, *_) = [mutation for mutation in sent(bridge, linked) if mutation["type"] == "archive"]
    assert (first["chat_jid"], first["archived"]) == (CHAT, archived)


@pytest.mark.parametrize("given", [1_765_000_000, "2025-12-06T06:46:40+01:00"])
def test_hint(linked: Caller, bridge: FakeBridge, given: int | str) -> None:
    """The time of the last message becomes the range, whatever its form."""
    answer = linked.post(PATH, json={"archived": True, "last_message_timestamp": given})
    assert answer.status_code == 200
    assert sent(bridge, linked)[0]["range_at"] == 1_765_000_000_000


def test_null_is_absent(linked: Caller) -> None:
    """A null hint and a null device are as if not given."""
    body = {"archived": True, "last_message_timestamp": None, "device_id": None}
    assert linked.post(PATH, json=body).status_code == 200


BAD_BODIES: list[tuple[dict[str, Any], int, str]] = [
    ({"json": {}}, 400, "archived"),
    ({"json": {"archived": None}}, 400, "archived"),
    ({"json": {"archived": "yes"}}, 400, "archived"),
    ({"json": {"archived": "true"}}, 400, "archived"),
    ({"json": {"archived": 1}}, 400, "archived"),
    ({"json": {"archived": 0}}, 400, "archived"),
    ({"json": {"archived": [True]}}, 400, "archived"),
    ({"json": {"archived": True, "pinned": True}}, 400, "pinned"),
    ({"json": {"archived": True, "device_id": 7}}, 400, "device_id"),
    (
        {"json": {"archived": True, "last_message_timestamp": 1_765_000_000_000}},
        400,
        "last_message_timestamp",
    ),
    ({"json": [True]}, 400, "body"),
    ({"data": b"null", "headers": JSON}, 400, "body"),
    ({"data": b'{"archived": tru', "headers": JSON}, 400, "body"),
    ({"data": b"", "headers": JSON}, 400, "body"),
    ({"data": b'{"archived": true, "archived": false}', "headers": JSON}, 400, "body"),
    ({"data": b'{"archived": "\xff"}', "headers": JSON}, 400, "body"),
    ({"data": b'{"archived": true}'}, 415, ""),
    ({"data": b'{"archived": true}', "headers": {"Content-Type": "text/plain"}}, 415, ""),
    ({"json": {"archived": True}, "headers": {"Content-Encoding": "gzip"}}, 415, ""),
    (
        {
            "data": b'{"archived": true}',
            "headers": {"Content-Type": "application/json; charset=latin-1"},
        },
        415,
        "",
    ),
    ({"data": {"archived": "true"}}, 415, ""),
    ({"json": {"archived": True, "note": "x" * 256 * 1024}}, 413, ""),
]


@pytest.mark.parametrize(("options", "status", "field"), BAD_BODIES)
def test_bad_body_sends_nothing(
    linked: Caller, bridge: FakeBridge, options: dict[str, Any], status: int, field: str
) -> None:
    """A body that is not clearly an archive or its opposite is refused, by the field's name."""
    answer = linked.post(PATH, **options)
    assert answer.status_code == status
    problems = answer.get_json().get("validation", [])
    assert [problem["field"] for problem in problems] == ([field] if field else [])
    assert sent(bridge, linked) == []


def test_rejected_value_is_not_echoed(linked: Caller) -> None:
    """The answer names the field and not what was in it."""
    answer = linked.post(PATH, json={"archived": "my-secret-value"})
    assert "my-secret-value" not in answer.text


def test_body_limit_counts_chunks(linked: Caller, bridge: FakeBridge) -> None:
    """A body without a length is refused, too, once it is too large; 256 KiB are not."""
    whole = json.dumps({"archived": True}).encode()
    for size, status in ((256 * 1024, 200), (256 * 1024 + 1, 413)):
        answer = linked.post(
            PATH,
            input_stream=BytesIO(whole.ljust(size)),
            environ_overrides={"wsgi.input_terminated": True},
            headers=JSON,
        )
        assert answer.status_code == status
    assert [mutation["type"] for mutation in sent(bridge, linked)].count("archive") == 1


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("120363000000000042@g.us", "120363000000000042@g.us"),
        ("200000000000042@lid", "200000000000042@lid"),
        ("15557000002@c.us", "15557000002@s.whatsapp.net"),
        ("+1 (555) 700-0003", "15557000003@s.whatsapp.net"),
        ("15557000004%40s.whatsapp.net", "15557000004@s.whatsapp.net"),
        ("%2B15557000005", "15557000005@s.whatsapp.net"),
    ],
)
def test_jid_is_normalised(linked: Caller, given: str, used: str) -> None:
    """Every accepted form of a chat's name is echoed as one JID."""
    answer = linked.post(f"/chats/{given}/archive", json={"archived": True})
    assert answer.status_code == 200
    assert answer.get_json()["chat_jid"] == used


@pytest.mark.parametrize(
    "jid", ["hello", "1@newsletter", "15557000001:12@s.whatsapp.net", "%2515557000001", "é", "%00"]
)
def test_bad_jid_sends_nothing(linked: Caller, bridge: FakeBridge, jid: str) -> None:
    """What names no chat is refused by the name of the path's part."""
    answer = linked.post(f"/chats/{jid}/archive", json={"archived": True})
    assert answer.status_code == 400
    assert answer.get_json()["validation"][0]["field"] == "chat_jid"
    assert sent(bridge, linked) == []


def test_device_of_another_tenant_is_not_found(
    linked: Caller, stranger: Caller, bridge: FakeBridge
) -> None:
    """A device of another tenant does not exist, in the query and in the body."""
    foreign = stranger.create_device()
    for options in (
        {"query_string": {"device_id": foreign}, "json": {"archived": True}},
        {"json": {"archived": True, "device_id": foreign}},
    ):
        answer = linked.post(PATH, **options)
        assert (answer.status_code, answer.get_json()["error_code"]) == (404, "DEVICE_NOT_FOUND")
    assert sent(bridge, linked) == []


def test_device_has_to_be_named_among_several(caller: Caller, bridge: FakeBridge) -> None:
    """With two devices one has to be said, once: in the query, in the body, or equal in both."""
    first = link(caller, bridge)
    second = link(caller, bridge)
    answer = caller.post(PATH, json={"archived": True})
    assert (answer.status_code, answer.get_json()["error_code"]) == (400, "DEVICE_REQUIRED")
    both = {"query_string": {"device_id": first}, "json": {"archived": True, "device_id": first}}
    assert caller.post(PATH, **both).status_code == 200
    both["query_string"] = {"device_id": second}
    answer = caller.post(PATH, **both)
    assert (answer.status_code, answer.get_json()["error_code"]) == (400, "VALIDATION_ERROR")
    twice = f"{PATH}?device_id={first}&device_id={second}"
    assert caller.post(twice, json={"archived": True}).status_code == 400
    same = f"{PATH}?device_id={first}&device_id={first}"
    assert caller.post(same, json={"archived": True}).status_code == 200


def test_device_that_is_not_linked(caller: Caller) -> None:
    """A device without keys can't archive."""
    caller.create_device()
    answer = caller.post(PATH, json={"archived": True})
    assert (answer.status_code, answer.get_json()["error_code"]) == (409, "DEVICE_NOT_LINKED")


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (BridgeCode.DEVICE_LOGGED_OUT, ErrorCode.DEVICE_LOGGED_OUT),
        (BridgeCode.DEVICE_REPLACED, ErrorCode.DEVICE_REPLACED),
        (BridgeCode.DEVICE_BANNED, ErrorCode.DEVICE_BANNED),
        (BridgeCode.DEVICE_OUTDATED, ErrorCode.DEVICE_OUTDATED),
        (BridgeCode.DEVICE_NOT_CONNECTED, ErrorCode.DEVICE_NOT_READY),
        (BridgeCode.APP_STATE_NOT_READY, ErrorCode.APP_STATE_NOT_READY),
        (BridgeCode.APP_STATE_BROKEN, ErrorCode.APP_STATE_BROKEN),
        (BridgeCode.SERVER_REFUSED, ErrorCode.DEVICE_ERROR),
        (BridgeCode.OUTCOME_UNKNOWN, ErrorCode.DEVICE_TIMEOUT),
        (BridgeCode.STORAGE_FAILED, ErrorCode.STORAGE_UNAVAILABLE),
        (BridgeCode.INTERNAL, ErrorCode.INTERNAL_ERROR),
    ],
)
def test_failures_of_the_bridge(
    linked: Caller, bridge: FakeBridge, failure: BridgeCode, code: ErrorCode
) -> None:
    """Each way in which WhatsApp or the bridge fails has its status and its code."""
    bridge.fail_next("app_state.apply", failure)
    answer = linked.post(PATH, json={"archived": True})
    assert answer.get_json()["error_code"] == code
    assert answer.status_code == STATUSES[code]


def test_defect_is_an_envelope(
    linked: Caller, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unexpected exception is INTERNAL_ERROR, and its text stays inside."""

    def fail(*_: object, **__: object) -> str:
        raise RuntimeError("a secret")

    monkeypatch.setattr(context.service.chats, "archive", fail)
    answer = linked.post(PATH, json={"archived": True})
    assert (answer.status_code, answer.get_json()["error_code"]) == (500, "INTERNAL_ERROR")
    assert "secret" not in answer.text
