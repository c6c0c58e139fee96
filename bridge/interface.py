"""What a bridge is, for those who are handed one.

Shapes of params, results and events: docs/bridge.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

COLLECTIONS = ("critical_block", "critical_unblock_low", "regular_high", "regular", "regular_low")
"""The collections of an account's app state, in the order in which they are fetched."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a device. `at` is Unix milliseconds."""

    tenant_id: str
    device_id: str
    type: str
    at: int
    data: Mapping[str, Any]
    spool_id: int | None = None


@dataclass(frozen=True, slots=True)
class EventBatch:
    """Events in order. `number` is what to acknowledge once their effects are committed."""

    number: int
    events: Sequence[Event]


class Bridge(Protocol):
    """The linked-device bridge.

    Every method may be invoked from any thread, and raises BridgeError.
    """

    def start(self, config: Mapping[str, Any]) -> Mapping[str, Any]:
        """Start the bridge once in this process."""
        ...

    def call(self, method: str, params: Mapping[str, Any], *, timeout_ms: int) -> Mapping[str, Any]:
        """Invoke a method and return its result within the timeout."""
        ...

    def next_events(self, ack: int, *, timeout_ms: int) -> EventBatch:
        """Acknowledge the batch `ack` and wait for the next one. One caller at a time."""
        ...

    def stop(self, *, deadline_ms: int) -> None:
        """Close every client; later calls raise BridgeError with STOPPED."""
        ...
