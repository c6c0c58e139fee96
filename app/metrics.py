"""How long requests take, by route template, method and status."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Histogram

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25)


class RequestMetrics:
    """Counts answers. Routes, methods and statuses are few, so each has its counter at hand."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._histogram = Histogram(
            "wuts_request_seconds",
            "Time from a request's arrival in a thread to its answer.",
            ["route", "method", "status"],
            buckets=BUCKETS,
            registry=registry,
        )
        self._observers: dict[tuple[str, str, int], Callable[[float], None]] = {}

    def observe(self, route: str, method: str, *, status: int, seconds: float) -> None:
        """Count one answer."""
        key = (route, method, status)
        observe = self._observers.get(key)
        if observe is None:
            observe = self._observers[key] = self._histogram.labels(route, method, status).observe
        observe(seconds)
