"""What is measured, in Prometheus' terms. No label ever names a tenant, a device, a JID or a path.

What happens is counted here as it happens; what is, `sessions.collector` reads when somebody looks.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, generate_latest


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

    def count_patch(self, mutations: int) -> None:
        """Count a patch that was accepted."""
        self._mutations.observe(mutations)

    def render(self) -> bytes:
        """Write everything in the text format of `prometheus_client.CONTENT_TYPE_LATEST`."""
        return generate_latest(self.registry)
