"""The methods of the stand-in bridge that are about one device, and which events it spools."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from bridge.errors import BridgeCode
from bridge.fake_devices import FakeDevice
from bridge.fake_talk import Talk

_CALLS = {"call.offer", "call.accept", "call.reject", "call.terminate"}
SPOOLED = _CALLS | {
    "device.status",
    "pair.success",
    "pairing.expired",
    "pairing.failed",
    "events.gap",
}
_MAY_SEND = {
    "device.logout",
    "device.erase",
    "device.pair_code",
    "device.passkey_answer",
    "device.passkey_confirm",
    "app_state.apply",
    "tenant.erase",
    "call.reject",
    "message.send_text",
    "chat.typing",
    "chat.set_disappearing",
    "presence.set",
    "presence.subscribe",
}


def _show_code(device: FakeDevice, *, refresh: bool = False) -> Mapping[str, Any]:
    return device.show_code(refresh=refresh)


def _show_pair_code(device: FakeDevice, *, phone: str, refresh: bool = False) -> Mapping[str, Any]:
    return device.show_pair_code(phone=phone, refresh=refresh)


def _said(method: Callable[..., Mapping[str, Any]]) -> Callable[..., Mapping[str, Any]]:
    """Return a method of what a device has to say, which needs a connection."""
    return lambda device, **params: method(device.connected_talk(), **params)


def _said_now(method: Callable[..., Mapping[str, Any]]) -> Callable[..., Mapping[str, Any]]:
    return lambda device, **params: method(device.connected_talk(), device.now(), **params)


def timeout_of(method: str) -> BridgeCode:
    """Return the code of a call whose deadline passes."""
    return BridgeCode.OUTCOME_UNKNOWN if method in _MAY_SEND else BridgeCode.DEADLINE_EXCEEDED


METHODS: Mapping[str, Callable[..., Mapping[str, Any]]] = MappingProxyType(
    {
        "device.status": FakeDevice.describe,
        "device.connect": FakeDevice.connect,
        "device.disconnect": FakeDevice.disconnect,
        "device.logout": FakeDevice.log_out,
        "device.qr": _show_code,
        "device.pair_code": _show_pair_code,
        "device.pairing": FakeDevice.describe_pairing,
        "device.passkey": FakeDevice.describe_passkey,
        "device.passkey_answer": FakeDevice.answer_passkey,
        "device.passkey_confirm": FakeDevice.confirm_passkey,
        "app_state.apply": FakeDevice.apply,
        "app_state.sync": FakeDevice.sync,
        "app_state.status": FakeDevice.describe_collections,
        "call.reject": _said(Talk.reject),
        "message.send_text": _said_now(Talk.send_text),
        "chat.typing": _said(Talk.set_typing),
        "chat.set_disappearing": _said_now(Talk.set_lasting),
        "presence.set": _said(Talk.set_presence),
        "presence.subscribe": _said(Talk.subscribe),
    }
)
