"""Translates between Python values and the bridge's JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bridge.errors import BridgeCode, BridgeError
from bridge.interface import Event, EventBatch


def encode(value: Mapping[str, Any]) -> bytes:
    """Return UTF-8 JSON. Raises BridgeError with INVALID_ARGUMENT for what JSON can't say."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode("utf-8")
    except (TypeError, ValueError) as error:
        raise BridgeError(
            BridgeCode.INVALID_ARGUMENT, "the request can't be written as JSON"
        ) from error


def encode_method(name: str) -> bytes:
    """Return a method's name as it crosses to C. Raises BridgeError with UNKNOWN_METHOD."""
    if not name.isascii() or "\0" in name:
        raise BridgeError(BridgeCode.UNKNOWN_METHOD, "no such method")
    return name.encode("ascii")


def decode(reply: bytes) -> Mapping[str, Any]:
    """Return a reply's result. Raises the BridgeError it carries, and INTERNAL for nonsense."""
    try:
        envelope = json.loads(reply)
        if envelope["ok"] is True:
            return dict(envelope["result"])
        error = envelope["error"]
        raise BridgeError(
            BridgeCode(error["code"]), str(error["message"]), retryable=error["retryable"] is True
        )
    except (ValueError, KeyError, TypeError) as error:
        raise BridgeError(BridgeCode.INTERNAL, "the bridge's reply makes no sense") from error


def decode_batch(result: Mapping[str, Any]) -> EventBatch:
    """Return the batch in the result of `wa_next_events`. Raises BridgeError with INTERNAL."""
    try:
        events = tuple(_decode_event(event) for event in result["events"])
        return EventBatch(number=int(result["batch"]), events=events)
    except (ValueError, KeyError, TypeError) as error:
        raise BridgeError(BridgeCode.INTERNAL, "the bridge's events make no sense") from error


def _decode_event(event: Mapping[str, Any]) -> Event:
    return Event(
        tenant_id=event["tenant_id"],
        device_id=event["device_id"],
        type=event["type"],
        at=event["at"],
        data=event["data"],
        spool_id=event.get("spool_id"),
    )
