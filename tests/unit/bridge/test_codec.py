"""Tests of the translation between Python values and the bridge's JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bridge.codec import decode, decode_batch, encode, encode_method
from bridge.errors import BridgeCode, BridgeError


def failing(function: Any, *arguments: Any) -> BridgeError:
    with pytest.raises(BridgeError) as caught:
        function(*arguments)
    return caught.value


def test_request_is_utf8() -> None:
    """Text crosses as UTF-8 and a NUL in it as an escape, so that C does not end there."""
    encoded = encode({"name": "Zoë 🦉\0"})
    assert "Zoë 🦉".encode() in encoded
    assert b"\0" not in encoded
    assert json.loads(encoded) == {"name": "Zoë 🦉\0"}


@pytest.mark.parametrize("value", ["\ud800", float("nan"), float("inf"), object(), {1, 2}, b"x"])
def test_unwritable_request(value: Any) -> None:
    """What JSON in UTF-8 can't say is the caller's mistake, and nothing is sent."""
    assert failing(encode, {"value": value}).code is BridgeCode.INVALID_ARGUMENT


@pytest.mark.parametrize("name", ["device.list\0", "device.líst", "\ud800"])
def test_unwritable_method(name: str) -> None:
    """A name that C would cut or change is no method's."""
    assert failing(encode_method, name).code is BridgeCode.UNKNOWN_METHOD


def test_result() -> None:
    """A good reply is its result."""
    assert decode(b'{"ok":true,"result":{"version":7}}') == {"version": 7}


@pytest.mark.parametrize("code", list(BridgeCode))
@pytest.mark.parametrize("retryable", [True, False])
def test_error(code: BridgeCode, retryable: bool) -> None:
    """A bad reply is an exception with the reply's code, message and advice."""
    error = {"code": code.value, "message": "a message", "retryable": retryable}
    raised = failing(decode, json.dumps({"ok": False, "error": error}).encode())
    assert (raised.code, raised.message, raised.retryable) == (code, "a message", retryable)


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"\xff",
        b"[]",
        b"null",
        b"{}",
        b'{"ok":true}',
        b'{"ok":true,"result":7}',
        b'{"ok":false}',
        b'{"ok":false,"error":{"code":"NEW","message":"","retryable":false}}',
        b'{"ok":false,"error":{"code":"INTERNAL"}}',
    ],
)
def test_senseless_reply(reply: bytes) -> None:
    """A reply that is none is a defect, not an unexpected exception."""
    assert failing(decode, reply).code is BridgeCode.INTERNAL


def test_batch() -> None:
    """A batch has its number and its events in order; only spooled ones have a number."""
    event = {"tenant_id": "t", "device_id": "d", "type": "x", "at": 5, "data": {"a": 1}}
    batch = decode_batch({"batch": 3, "events": [{**event, "spool_id": 9}, event]})
    assert batch.number == 3
    assert [found.spool_id for found in batch.events] == [9, None]
    assert (batch.events[1].type, batch.events[1].at, batch.events[1].data) == ("x", 5, {"a": 1})


@pytest.mark.parametrize("result", [{}, {"batch": 1}, {"batch": 1, "events": [{}]}, {"events": []}])
def test_senseless_batch(result: dict[str, Any]) -> None:
    """Events that make no sense are a defect."""
    assert failing(decode_batch, result).code is BridgeCode.INTERNAL
