"""The stand-in links devices in the same steps as the library."""

from __future__ import annotations

import pytest

from bridge.errors import BridgeCode, BridgeError
from bridge.fake import FakeBridge
from tests.support.fakes import CONFIG, DEVICE, KEY, code_of
from tests.support.passkeys import Authenticator


def test_a_pairing_has_36_codes(bridge: FakeBridge) -> None:
    """Six of each of six connections, and then it has expired."""
    now = [0]
    bridge = FakeBridge(now=lambda: now[0])
    bridge.start(CONFIG)
    bridge.call("device.create", KEY, timeout_ms=1000)
    for attempt in range(1, 37):
        code = bridge.call("device.qr", KEY, timeout_ms=1000)
        assert code["attempt"] == attempt
        now[0] = code["expires_at"]
    assert bridge.call("device.pairing", KEY, timeout_ms=1000)["state"] == "expired"


def test_a_code_to_be_typed_is_outstanding_alone(bridge: FakeBridge) -> None:
    """QR codes give way to it; others take its place on demand only, and it runs out for good.

    Beside it there are codes to be scanned, by turns.
    """
    now = [0]
    bridge = FakeBridge(now=lambda: now[0])
    bridge.start(CONFIG)
    bridge.call("device.create", KEY, timeout_ms=1000)
    bridge.call("device.qr", KEY, timeout_ms=1000)
    params = {**KEY, "phone": "15550001111"}
    code = bridge.call("device.pair_code", params, timeout_ms=1000)
    assert bridge.call("device.pair_code", params, timeout_ms=1000) == {**code, "cached": True}
    other = {**KEY, "phone": "15550003333"}
    assert code_of(bridge, "device.pair_code", other) is BridgeCode.PAIRING_BUSY
    shown = [bridge.call("device.qr", KEY, timeout_ms=1000) for _ in range(2)]
    assert [(one["attempt"], one["cached"]) for one in shown] == [(1, False), (1, True)]
    now[0] = shown[0]["expires_at"]
    assert bridge.call("device.qr", KEY, timeout_ms=1000)["expires_at"] == now[0] + 20_000
    assert bridge.call("device.pair_code", params, timeout_ms=1000) == {**code, "cached": True}
    assert code_of(bridge, "device.pair_code", {**KEY, "phone": "0"}) is BridgeCode.INVALID_ARGUMENT
    fresh = bridge.call("device.pair_code", {**other, "refresh": True}, timeout_ms=1000)
    assert fresh["code"] != code["code"]
    now[0] = fresh["expires_at"]
    assert bridge.call("device.pairing", KEY, timeout_ms=1000)["state"] == "expired"


def test_a_passkey_is_answered_and_confirmed_in_turn(bridge: FakeBridge) -> None:
    """A step out of turn changes nothing, a wrong answer is refused, and the owner links it."""
    assert code_of(bridge, "device.passkey", KEY) is BridgeCode.DEVICE_NOT_LINKED
    bridge.call("device.qr", KEY, timeout_ms=1000)
    bridge.ask_passkey(DEVICE)
    asked = bridge.call("device.passkey", KEY, timeout_ms=1000)
    assert bridge.call("device.status", KEY, timeout_ms=1000)["status"] == "passkey_required"
    assert bridge.call("device.passkey_confirm", KEY, timeout_ms=1000) == asked
    for change, expected in (
        ({"rawId": "!"}, BridgeCode.INVALID_ARGUMENT),
        ({"more": "AAAA"}, BridgeCode.INVALID_ARGUMENT),
        ({"rawId": "AAAA"}, BridgeCode.SERVER_REFUSED),
        ({"response": {"clientDataJSON": "AAAA"}}, BridgeCode.SERVER_REFUSED),
    ):
        credential = Authenticator().answer(asked["public_key"])
        del credential["authenticatorAttachment"], credential["clientExtensionResults"]
        del credential["response"]["userHandle"]
        params = {**KEY, "credential": {**credential, **change}}
        assert code_of(bridge, "device.passkey_answer", params) is expected
    for stage in ("answered", "shown"):
        params = {**KEY, "credential": credential}
        assert bridge.call("device.passkey_answer", params, timeout_ms=1000)["stage"] == stage
        bridge.show_passkey(DEVICE, "ABCD-1234")
    with pytest.raises(BridgeError):
        bridge.link(DEVICE)
    assert bridge.call("device.passkey_confirm", KEY, timeout_ms=1000)["stage"] == "confirmed"
    bridge.link(DEVICE)
    assert code_of(bridge, "device.passkey", KEY) is BridgeCode.DEVICE_ALREADY_LINKED


def test_a_passkey_is_waited_for_for_five_minutes() -> None:
    """Then the pairing has expired, unless a fresh code has taken its place before."""
    now = [0]
    bridge = FakeBridge(now=lambda: now[0])
    bridge.start(CONFIG)
    bridge.call("device.create", KEY, timeout_ms=1000)
    for method, params in (
        ("device.qr", KEY),
        ("device.pair_code", {**KEY, "phone": "15550001111"}),
    ):
        bridge.call(method, {**params, "refresh": True}, timeout_ms=1000)
        bridge.ask_passkey(DEVICE)
        assert code_of(bridge, method, params) is BridgeCode.PAIRING_BUSY
        assert bridge.call("device.pairing", KEY, timeout_ms=1000)["state"] == "passkey"
    now[0] += 179_000
    expires_at = bridge.call("device.passkey", KEY, timeout_ms=1000)["expires_at"]
    now[0] = expires_at
    assert code_of(bridge, "device.passkey", KEY) is BridgeCode.DEVICE_NOT_LINKED
    ended = bridge.call("device.pairing", KEY, timeout_ms=1000)
    assert (ended["state"], ended["method"]) == ("expired", "code")
