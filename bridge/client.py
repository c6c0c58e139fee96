"""The bridge that drives whatsmeow through the Go library."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bridge.codec import decode, decode_batch, encode, encode_method
from bridge.interface import EventBatch
from bridge.loader import Loader

_MAX_MILLISECONDS = 2**31 - 1


class WhatsmeowBridge:
    """Implements bridge.interface.Bridge. Nothing is loaded before the first invocation."""

    def __init__(self, loader: Loader | None = None) -> None:
        self._loader = loader or Loader()

    def start(self, config: Mapping[str, Any]) -> Mapping[str, Any]:
        """Start the bridge once in this process."""
        request = encode(config)
        return self._invoke(lambda lib: lib.wa_start(request, len(request)))

    def call(self, method: str, params: Mapping[str, Any], *, timeout_ms: int) -> Mapping[str, Any]:
        """Invoke a method and return its result within the timeout."""
        name = encode_method(method)
        request = encode({"timeout_ms": timeout_ms, "params": params})
        return self._invoke(lambda lib: lib.wa_call(name, request, len(request)))

    def next_events(self, ack: int, *, timeout_ms: int) -> EventBatch:
        """Acknowledge the batch `ack` and wait for the next one. One caller at a time."""
        timeout = _clamp(timeout_ms)
        return decode_batch(self._invoke(lambda lib: lib.wa_next_events(ack, timeout)))

    def stop(self, *, deadline_ms: int) -> None:
        """Close every client; later calls raise BridgeError with STOPPED."""
        deadline = _clamp(deadline_ms)
        self._invoke(lambda lib: lib.wa_stop(deadline))

    def _invoke(self, invoke: Callable[[Any], Any]) -> Mapping[str, Any]:
        # The one place where a reply is owned: taken, copied, freed.
        binding = self._loader.load()
        reply = invoke(binding.lib)
        try:
            text = binding.ffi.string(reply)
        finally:
            binding.lib.wa_free(reply)
        return decode(text)


def _clamp(milliseconds: int) -> int:
    return max(0, min(milliseconds, _MAX_MILLISECONDS))
