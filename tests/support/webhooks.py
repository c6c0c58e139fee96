"""Devices with webhooks that may go to loopback, and a clock that a test moves."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_network
from itertools import islice
from typing import Any

from sessions.paging import PageRequest
from sessions.principals import Principal
from sessions.times import utc_now
from sessions.webhooks.values import Delivery
from tests.support.mirror import HOME, Feed, now, open_feed
from tests.support.sessions import Stage

LOOPBACK = (ip_network("127.0.0.0/8"),)


@dataclass(slots=True)
class Clock:
    """The present time, and as much later as the test says."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        """Return the time."""
        return utc_now() + self.ahead

    def advance(self, **by: float) -> None:
        """Let time pass."""
        self.ahead += timedelta(**by)


@dataclass(frozen=True, slots=True)
class Hooked:
    """A device of its own tenant, with a webhook."""

    feed: Feed
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def happen(self, count: int) -> None:
        """Let as many events happen, in one batch."""
        for number in islice(self.numbers, count):
            jid = f"1555700{number:04}{HOME}"
            self.feed.change("archive", jid, True, at=now() + number)
        self.feed.step()

    def configure(self, **given: Any) -> None:
        """Change the webhook."""
        self.feed.stage.service.webhooks.configure(self.feed.principal, self.feed.device.id, given)

    def deliveries(self) -> list[Delivery]:
        """Return the deliveries, the oldest event first."""
        found = self.feed.stage.service.deliveries.list(
            self.feed.principal, self.feed.device.id, PageRequest(1000), status=None, event=None
        )
        return sorted(found.items, key=lambda delivery: delivery.sequence)


Hook = Callable[..., Hooked]


def make_hooked(stage: Stage, url: str, *, owner: Principal | None = None, **given: Any) -> Hooked:
    """Make a device with a webhook, of a tenant of its own or of that user."""
    hooked = Hooked(open_feed(stage, owner))
    hooked.configure(webhook_url=url, enabled_events=["chat.archive"], **given)
    return hooked
