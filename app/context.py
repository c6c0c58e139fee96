"""What the views of one application are handed: made by `create_app`, found by `context()`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import current_app, g

from sessions.deadline import Deadline

if TYPE_CHECKING:
    from app.auth import Authenticator, MasterToken
    from app.lifecycle import Lifecycle
    from app.metrics import RequestMetrics
    from app.settings import Settings
    from sessions.rate_limits import RateLimiter
    from sessions.service import Service

EXTENSION = "wuts"


@dataclass(frozen=True, slots=True)
class Limits:
    """How often a token may ask (by its id), and an address may fail to present one."""

    requests: RateLimiter
    failures: RateLimiter


@dataclass(frozen=True, slots=True)
class Context:
    """The parts of an application that requests need."""

    settings: Settings
    service: Service
    lifecycle: Lifecycle
    authenticator: Authenticator
    master: MasterToken
    limits: Limits
    metrics: RequestMetrics

    def log_key(self) -> bytes:
        """Return the key under which JIDs are hashed in the log: the same after a restart."""
        return self.master.log_key


def context() -> Context:
    """Return the parts of the application that serves the present request."""
    found: Context = current_app.extensions[EXTENSION]
    return found


def service() -> Service:
    """Return the use cases."""
    return context().service


def request_deadline() -> Deadline:
    """Return the point until which the present request may take."""
    deadline: Deadline = g.deadline
    return deadline
