"""The border to the bridge's errors."""

from __future__ import annotations

import pytest

from bridge.errors import BridgeCode, BridgeError
from sessions.bridge_errors import FROM_BRIDGE, from_bridge_error
from sessions.errors import ErrorCode

RETRYABLE = {
    BridgeCode.DEVICE_NOT_CONNECTED,
    BridgeCode.APP_STATE_NOT_READY,
    BridgeCode.APP_STATE_CONFLICT,
    BridgeCode.PAIRING_FAILED,
    BridgeCode.PAIRING_BUSY,
    BridgeCode.SERVER_UNAVAILABLE,
    BridgeCode.OUTCOME_UNKNOWN,
    BridgeCode.DEADLINE_EXCEEDED,
    BridgeCode.STORAGE_FAILED,
    BridgeCode.STOPPED,
}


def test_the_table_is_complete() -> None:
    """Every code that the bridge can give has a translation."""
    assert set(FROM_BRIDGE) == set(BridgeCode)


@pytest.mark.parametrize("code", BridgeCode)
def test_the_message_is_our_own(code: BridgeCode) -> None:
    """The bridge's text, which may be whatsmeow's, never reaches a client."""
    error = from_bridge_error(BridgeError(code, "text from below"))
    assert "text from below" not in error.message


@pytest.mark.parametrize("code", BridgeCode)
def test_what_may_be_repeated_says_when(code: BridgeCode) -> None:
    """Exactly the retryable codes carry Retry-After, and an outdated client: an update helps."""
    error = from_bridge_error(BridgeError(code, ""))
    expected = code in RETRYABLE or error.code is ErrorCode.DEVICE_OUTDATED
    assert (error.retry_after is not None) is expected
