"""Reads how the parts of the service are, when somebody looks at the metrics."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bridge.errors import BridgeError
from bridge.interface import Bridge
from sessions.environment import Environment
from sessions.errors import StorageUnavailable
from sessions.pool import Pool
from sessions.pump import PumpThread
from sessions.store import devices as rows
from sessions.store import webhooks as webhook_rows
from sessions.times import to_milliseconds
from sessions.webhooks.outbox import Outbox

_BRIDGE_MILLISECONDS = 1000
_BRIDGE_COUNTERS: Mapping[str, str] = {
    "patches": "Patches that WhatsApp has accepted.",
    "mutations": "Changes in these patches.",
    "conflicts": "Patches that were rebased because another device was faster.",
    "refusals": "Patches that WhatsApp refused.",
    "lost_answers": "Patches whose answer was lost and found out by reading.",
    "full_syncs": "Recoveries of a collection by reading all of it again.",
    "copies_asked": "Requests to a phone for its own copy of a damaged collection.",
    "copies_taken": "Recoveries of a collection by the phone's own copy.",
    "wedged": "Times that nothing helped a damaged collection.",
    "logouts_after_write": "Logouts that nobody here asked for, within 30 seconds of a patch.",
    "reconnects": "Connections that were lost and made again.",
}
_BRIDGE_GAUGES: Mapping[str, str] = {
    "stores": "Open device stores.",
    "goroutines": "Goroutines of the bridge.",
    "queued_events": "Events that the bridge has and the service has not asked for.",
}
REQUEST_THREADS = "wuts-request"
"""How the names of the threads begin that serve requests."""


class ServiceCollector(Collector):
    """Reads how the parts of the service are. What does not answer is left out."""

    def __init__(
        self,
        environment: Environment,
        *,
        pool: Pool,
        pump: PumpThread,
        bridge: Bridge,
        outbox: Outbox,
    ) -> None:
        self._environment = environment
        self._outbox = outbox
        self._pool = pool
        self._pump = pump
        self._bridge = bridge

    def collect(self) -> Iterator[Metric]:
        """Give the present values."""
        yield from self._loads()
        yield from self._space()
        yield from self._counts()
        yield from self._backlog()
        yield from self._bridge_stats()

    def _loads(self) -> Iterator[Metric]:
        load, admission = self._pool.load(), self._environment.admission
        yield _gauge("pool_queued", "Tasks that wait for a thread of the pool.", load.queued)
        yield _gauge("pool_running", "Tasks that threads of the pool run.", load.running)
        waiting = self._environment.registry.waiting()
        yield _gauge("lanes_waiting", "Requests that wait in lanes of devices.", sum(waiting))
        yield _gauge("lane_deepest", "Requests that wait for the busiest device.", max(waiting))
        yield _gauge("command_slots_used", "Commands under way.", admission.commands)
        yield _gauge("poll_slots_used", "Long-polls under way.", admission.polls)
        yield _gauge(
            "pump_lag_seconds", "How long ago events were last fetched and stored.", self._pump.lag
        )
        names = [thread.name for thread in threading.enumerate()]
        serving = sum(name.startswith(REQUEST_THREADS) for name in names)
        yield _gauge("threads", "Threads of Python.", len(names))
        yield _gauge("request_threads", "Threads of Python that are there for requests.", serving)

    def _space(self) -> Iterator[Metric]:
        space = self._environment.storage.space
        if space is not None:
            yield _gauge("disk_free_bytes", "Space under the data directory.", space.free)
            yield _gauge("disk_low", "1 when there is less space than is healthy.", space.is_low)

    def _counts(self) -> Iterator[Metric]:
        try:
            with self._environment.database.read() as transaction:
                devices = rows.count_by_status(transaction)
                webhooks = webhook_rows.count_by_status(transaction)
        except StorageUnavailable:
            return
        yield _by_status("devices", "Devices by status.", devices)
        yield _by_status("webhooks", "Webhooks that are well, failing or disabled.", webhooks)

    def _backlog(self) -> Iterator[Metric]:
        try:
            backlog = self._outbox.backlog()
        except StorageUnavailable:
            return
        now = to_milliseconds(self._environment.now())
        age = 0 if backlog.oldest_at is None else max(0, now - backlog.oldest_at) / 1000
        yield _gauge("outbox_events", "Events that webhooks are still to get.", backlog.events)
        yield _gauge("outbox_oldest_seconds", "How old the oldest of these is.", age)

    def _bridge_stats(self) -> Iterator[Metric]:
        try:
            stats = self._bridge.call("bridge.stats", {}, timeout_ms=_BRIDGE_MILLISECONDS)
        except BridgeError:
            return
        for name, text in _BRIDGE_COUNTERS.items():
            yield CounterMetricFamily(f"wuts_{name}", text, value=stats[name])
        for name, text in _BRIDGE_GAUGES.items():
            yield _gauge(f"bridge_{name}", text, stats[name])


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"wuts_{name}", text, value=value)


def _by_status(name: str, text: str, counts: Mapping[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"wuts_{name}", text, labels=["status"])
    for status, count in counts.items():
        family.add_metric([status], count)
    return family
