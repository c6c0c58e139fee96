"""The border to the bridge: which domain error each bridge code becomes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bridge.errors import BridgeCode, BridgeError
from sessions import errors

FROM_BRIDGE: Mapping[BridgeCode, type[errors.ServiceError]] = MappingProxyType(
    {
        BridgeCode.INVALID_ARGUMENT: errors.InternalError,
        BridgeCode.UNKNOWN_METHOD: errors.InternalError,
        BridgeCode.DEVICE_NOT_FOUND: errors.DeviceNotFound,
        BridgeCode.DEVICE_NOT_LINKED: errors.DeviceNotLinked,
        BridgeCode.DEVICE_ALREADY_LINKED: errors.DeviceAlreadyLinked,
        BridgeCode.DEVICE_LOGGED_OUT: errors.DeviceLoggedOut,
        BridgeCode.DEVICE_REPLACED: errors.DeviceReplaced,
        BridgeCode.DEVICE_BANNED: errors.DeviceBanned,
        BridgeCode.DEVICE_OUTDATED: errors.DeviceOutdated,
        BridgeCode.DEVICE_NOT_CONNECTED: errors.DeviceNotReady,
        BridgeCode.APP_STATE_NOT_READY: errors.AppStateNotReady,
        BridgeCode.APP_STATE_BROKEN: errors.AppStateBroken,
        BridgeCode.APP_STATE_CONFLICT: errors.AppStateConflict,
        BridgeCode.PAIRING_FAILED: errors.DeviceError,
        BridgeCode.PAIRING_BUSY: errors.DeviceBusy,
        BridgeCode.SERVER_REFUSED: errors.DeviceError,
        BridgeCode.SERVER_UNAVAILABLE: errors.DeviceError,
        BridgeCode.OUTCOME_UNKNOWN: errors.DeviceTimeout,
        BridgeCode.DEADLINE_EXCEEDED: errors.DeviceTimeout,
        BridgeCode.STORAGE_FAILED: errors.StorageUnavailable,
        BridgeCode.STOPPED: errors.ShuttingDown,
        BridgeCode.INTERNAL: errors.InternalError,
    }
)

_MESSAGES: Mapping[BridgeCode, str] = MappingProxyType(
    {
        BridgeCode.PAIRING_FAILED: "WhatsApp ended the pairing before it gave a code",
        BridgeCode.PAIRING_BUSY: "the device is being linked in another way: `refresh` starts over",
        BridgeCode.SERVER_UNAVAILABLE: "WhatsApp is busy and did not take the request",
    }
)

# DEVICE_ERROR says nothing about repeating, because most refusals are final; two are not. Another
# pairing lasts for minutes.
_RETRY_AFTER: Mapping[BridgeCode, float] = MappingProxyType(
    {
        BridgeCode.PAIRING_FAILED: 5.0,
        BridgeCode.PAIRING_BUSY: 30.0,
        BridgeCode.SERVER_UNAVAILABLE: 5.0,
    }
)


def from_bridge_error(error: BridgeError) -> errors.ServiceError:
    """Return a new domain error for a bridge error, with a message of our own."""
    return FROM_BRIDGE[error.code](
        _MESSAGES.get(error.code), retry_after=_RETRY_AFTER.get(error.code)
    )
