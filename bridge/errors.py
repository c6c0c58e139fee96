"""Errors that cross the border to Go. The codes and their meaning: docs/bridge.md."""

from __future__ import annotations

from enum import StrEnum


class BridgeCode(StrEnum):
    """Every code that a bridge reply can carry."""

    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    UNKNOWN_METHOD = "UNKNOWN_METHOD"
    DEVICE_NOT_FOUND = "DEVICE_NOT_FOUND"
    DEVICE_NOT_LINKED = "DEVICE_NOT_LINKED"
    DEVICE_ALREADY_LINKED = "DEVICE_ALREADY_LINKED"
    DEVICE_LOGGED_OUT = "DEVICE_LOGGED_OUT"
    DEVICE_REPLACED = "DEVICE_REPLACED"
    DEVICE_BANNED = "DEVICE_BANNED"
    DEVICE_OUTDATED = "DEVICE_OUTDATED"
    DEVICE_NOT_CONNECTED = "DEVICE_NOT_CONNECTED"
    APP_STATE_NOT_READY = "APP_STATE_NOT_READY"
    APP_STATE_BROKEN = "APP_STATE_BROKEN"
    APP_STATE_CONFLICT = "APP_STATE_CONFLICT"
    PAIRING_FAILED = "PAIRING_FAILED"
    PAIRING_BUSY = "PAIRING_BUSY"
    SERVER_REFUSED = "SERVER_REFUSED"
    SERVER_UNAVAILABLE = "SERVER_UNAVAILABLE"
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    STORAGE_FAILED = "STORAGE_FAILED"
    STOPPED = "STOPPED"
    INTERNAL = "INTERNAL"


_FINAL = {
    BridgeCode.INVALID_ARGUMENT,
    BridgeCode.UNKNOWN_METHOD,
    BridgeCode.DEVICE_NOT_FOUND,
    BridgeCode.DEVICE_NOT_LINKED,
    BridgeCode.DEVICE_ALREADY_LINKED,
    BridgeCode.DEVICE_LOGGED_OUT,
    BridgeCode.DEVICE_REPLACED,
    BridgeCode.DEVICE_BANNED,
    BridgeCode.DEVICE_OUTDATED,
    BridgeCode.APP_STATE_BROKEN,
    BridgeCode.SERVER_REFUSED,
    BridgeCode.INTERNAL,
}
RETRYABLE = frozenset(BridgeCode) - _FINAL


class BridgeError(Exception):
    """A bridge call that did not succeed.

    `message` is for people and holds no secret; `retryable` says whether the same call may succeed
    later.
    """

    def __init__(self, code: BridgeCode, message: str, *, retryable: bool = False) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.retryable = retryable
