"""What is measured, in Prometheus' terms. No label ever names a tenant, a device, a JID or a path.

What happens is counted here as it happens; what is, `sessions.collector` reads when somebody looks.
"""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from sessions.webhooks.values import DeliveryStatus, Outcome


class Metrics:
    """The metrics of one application, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._mutations = Histogram(
            "wuts_mutations_per_patch",
            "Changes that one accepted patch carried.",
            buckets=(1, 2, 4, 8, 16, 32, 64, 100),
            registry=self.registry,
        )
        self._deliveries = Counter(
            "wuts_deliveries",
            "Attempts to deliver an event to a webhook, by what became of them.",
            ["outcome"],
            registry=self.registry,
        )
        self._attempts = Histogram(
            "wuts_delivery_attempt_seconds",
            "Time that an attempt to deliver an event took.",
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=self.registry,
        )
        self._delays = Histogram(
            "wuts_delivery_seconds",
            "Time from an event until its webhook has taken it.",
            buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 86400),
            registry=self.registry,
        )
        self._given_up = Counter(
            "wuts_deliveries_given_up",
            "Events that a webhook has not taken in any of its attempts.",
            registry=self.registry,
        )
        self._calls = Counter("wuts_calls", "Calls that were offered.", registry=self.registry)
        self._rejects = Counter(
            "wuts_call_rejects",
            "Rejects of calls, by a rule or by request, and what became of them.",
            ["origin", "outcome"],
            registry=self.registry,
        )
        self._replies = Counter(
            "wuts_call_replies",
            "Replies to calls, and what became of them.",
            ["outcome"],
            registry=self.registry,
        )

    def count_delivery(self, outcome: Outcome) -> None:
        """Count an attempt to deliver an event."""
        self._deliveries.labels(outcome.failure or "delivered").inc()
        self._attempts.observe(outcome.duration_ms / 1000)

    def count_settled(self, status: DeliveryStatus, seconds: float) -> None:
        """Count an event that was taken, or is given up, so many seconds after it happened."""
        if status is DeliveryStatus.DELIVERED:
            self._delays.observe(seconds)
        elif status is DeliveryStatus.FAILED:
            self._given_up.inc()

    def count_patch(self, mutations: int) -> None:
        """Count a patch that was accepted."""
        self._mutations.observe(mutations)

    def count_calls(self, count: int) -> None:
        """Count new calls."""
        self._calls.inc(count)

    def count_reject(self, origin: str, outcome: str) -> None:
        """Count a reject: `acknowledged`, `unacknowledged` or `failed`."""
        self._rejects.labels(origin, outcome).inc()

    def count_reply(self, outcome: str) -> None:
        """Count a reply: `sent`, `failed`, or why it was not tried."""
        self._replies.labels(outcome).inc()

    def render(self) -> bytes:
        """Write everything in the text format of `prometheus_client.CONTENT_TYPE_LATEST`."""
        return generate_latest(self.registry)
