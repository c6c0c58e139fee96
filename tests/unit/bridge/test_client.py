"""Tests of the bridge's client: with a stand-in for the library, and with the library itself."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from bridge.client import WhatsmeowBridge
from bridge.errors import BridgeCode, BridgeError
from bridge.loader import Loader
from tests.support.scripts import run_python


class Library(Loader):
    """Replies with given texts and counts what is freed."""

    def __init__(self, reply: bytes) -> None:
        super().__init__()
        self.reply = reply
        self.invoked: list[tuple[Any, ...]] = []
        self.freed: list[bytes] = []

    def load(self) -> Any:
        """Return what looks like the cffi module."""
        lib = SimpleNamespace(wa_free=self.freed.append)
        for name in ("wa_start", "wa_call", "wa_next_events", "wa_stop"):
            setattr(lib, name, lambda *args, name=name: self._invoke(name, *args))
        return SimpleNamespace(lib=lib, ffi=SimpleNamespace(string=bytes))

    def _invoke(self, *invocation: Any) -> bytes:
        self.invoked.append(invocation)
        return self.reply


def test_call_crosses_once() -> None:
    """A call is one invocation with the length of its text, and one free."""
    library = Library(b'{"ok":true,"result":{"a":1}}')
    assert WhatsmeowBridge(library).call("device.list", {"x": "é"}, timeout_ms=5) == {"a": 1}
    request = '{"timeout_ms":5,"params":{"x":"é"}}'.encode()
    assert library.invoked == [("wa_call", b"device.list", request, len(request))]
    assert library.freed == [library.reply]


def test_failed_reply_is_freed() -> None:
    """A reply is freed also when it is an error or nonsense."""
    for reply in (b'{"ok":false}', b"nonsense"):
        library = Library(reply)
        with pytest.raises(BridgeError):
            WhatsmeowBridge(library).stop(deadline_ms=1)
        assert library.freed == [reply]


def test_times_fit_c() -> None:
    """Lengths of time that C's integers can't hold are cut to what they can."""
    library = Library(b'{"ok":true,"result":{"batch":0,"events":[]}}')
    bridge = WhatsmeowBridge(library)
    bridge.next_events(0, timeout_ms=2**40)
    bridge.next_events(7, timeout_ms=-1)
    assert library.invoked == [("wa_next_events", 0, 2**31 - 1), ("wa_next_events", 7, 0)]


ROUND_TRIP = """
import json, sys, threading
from bridge.client import WhatsmeowBridge
from bridge.errors import BridgeError

bridge = WhatsmeowBridge()
tenant, device = "0b0e7c3e-5f0a-4a57-9c1e-2f8f2a9d1c11", "7d2f6a0e-1111-4222-8333-444455556666"
key = {"tenant_id": tenant, "device_id": device}
network = {"kind": "simulator", "endpoint": "127.0.0.1:1", "root_key": "00" * 32}
said = {}

def code(invoke, *arguments, **options):
    try:
        invoke(*arguments, **options)
    except BridgeError as error:
        return error.code.value

said["early"] = code(bridge.call, "device.list", {"tenant_id": tenant}, timeout_ms=1000)
said["start"] = sorted(bridge.start({"devices_dir": sys.argv[1], "network": network}))
said["create"] = bridge.call("device.create", key, timeout_ms=10_000)
said["list"] = bridge.call("device.list", {"tenant_id": tenant}, timeout_ms=10_000)
said["status"] = bridge.call("device.status", key, timeout_ms=10_000)
said["unknown"] = code(bridge.call, "device.destroy", key, timeout_ms=1000)
for name, more in {"bad": {"name": "x"}, "nul": {"device_id": device + "\\0"}}.items():
    said[name] = code(bridge.call, "device.status", {**key, **more}, timeout_ms=1000)
said["pairing"] = code(bridge.call, "device.qr", key, timeout_ms=10_000)
said["events"] = [event.type for event in bridge.next_events(0, timeout_ms=10_000).events]
reader = threading.Thread(
    target=lambda: said.update(reader=code(bridge.next_events, 1, timeout_ms=600_000))
)
reader.start()
bridge.stop(deadline_ms=10_000)
reader.join()
said["late"] = code(bridge.call, "device.list", {"tenant_id": tenant}, timeout_ms=1000)
print(json.dumps(said))
"""


def test_library_round_trip(tmp_path: Any) -> None:
    """The built library starts, answers, reports events, wakes its reader when it stops."""
    said = json.loads(run_python(ROUND_TRIP, str(tmp_path / "devices")))
    status = said.pop("status")
    assert (status["status"], status["connected"]) == ("new", False)
    assert said.pop("list") == {"devices": [status]}
    assert {"device.status", "pairing.failed"} <= set(said.pop("events"))
    assert said == {
        "early": BridgeCode.STOPPED,
        "start": ["stores", "whatsmeow"],
        "create": {},
        "unknown": BridgeCode.UNKNOWN_METHOD,
        "bad": BridgeCode.INVALID_ARGUMENT,
        "nul": BridgeCode.INVALID_ARGUMENT,
        "pairing": BridgeCode.DEVICE_NOT_CONNECTED,
        "reader": BridgeCode.STOPPED,
        "late": BridgeCode.STOPPED,
    }
