"""Webhooks, how far each has come, and what became of what was sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

GONE = "gone"
NO_SUCCESS = "no_success_for_24_hours"


class DeliveryStatus(StrEnum):
    """What is to become of an event that was sent at least once, or is to be sent again."""

    DELIVERED = "delivered"
    WAITING = "waiting"
    FAILED = "failed"
    QUEUED = "queued"


class WebhookStatus(StrEnum):
    """How a webhook is: what was sent last was taken, or not, or nothing is sent."""

    WELL = "well"
    FAILING = "failing"
    DISABLED = "disabled"


class Failure(StrEnum):
    """Why a receiver did not take an event."""

    REFUSED_ADDRESS = "refused_address"
    NAME_NOT_FOUND = "name_not_found"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    BROKEN_ANSWER = "broken_answer"
    HTTP_STATUS = "http_status"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where the events of a device go. `events` None: every one of them.

    Secrets and the values of headers are encrypted. `disabled_reason` is set when the service has
    disabled it, not its owner.
    """

    id: str
    device_id: str
    url: str
    events: tuple[str, ...] | None
    created_at: datetime
    updated_at: datetime
    enabled: bool = True
    retry_attempts: int = 3
    timeout: int = 10
    secret: bytes | None = field(default=None, repr=False)
    old_secret: bytes | None = field(default=None, repr=False)
    old_secret_until: datetime | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    disabled_reason: str | None = None
    disabled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Queue:
    """How far the delivery of a device's event log has come.

    `position` is the sequence of the last event that is settled; `attempts` and `next_at` are of
    the one behind it. `is_exhausted`: nothing was taken since one was given up.
    """

    position: int
    attempts: int = 0
    next_at: datetime | None = None
    failing_since: datetime | None = None
    is_exhausted: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one attempt. Without `failure` the receiver has taken the event."""

    duration_ms: int
    http_status: int | None = None
    failure: Failure | None = None

    @property
    def is_success(self) -> bool:
        """Whether the receiver has taken the event."""
        return self.failure is None


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event that was sent, and what became of the last attempt."""

    id: str
    event: str
    sequence: int
    status: DeliveryStatus
    attempts: int
    attempted_at: datetime
    outcome: Outcome
