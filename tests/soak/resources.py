"""What a worker holds: memory, threads, sockets and files as the kernel counts them, goroutines as
the bridge does."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.support.service import Service

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Resources:
    """One look at a worker. `memory_kb` is the resident set.

    `threads` are all but those for requests: of these more begin whenever all are at work, up to
    WUTS_THREADS, and none ends before the worker does.
    """

    memory_kb: int
    threads: int
    sockets: int
    files: int
    goroutines: int

    @classmethod
    def of(cls, service: Service) -> Resources:
        """Read what the worker of a service holds now; the service has a management listener."""
        pid = service.worker()
        lines = (PROC / str(pid) / "status").read_text().splitlines()
        status = dict(line.split(":", 1) for line in lines)
        targets = _open_targets(PROC / str(pid) / "fd")
        sockets = sum(target.startswith("socket:") for target in targets)
        metrics = _read_metrics(service)
        return cls(
            memory_kb=int(status["VmRSS"].split()[0]),
            threads=int(status["Threads"]) - metrics["wuts_request_threads"],
            sockets=sockets,
            files=len(targets) - sockets,
            goroutines=metrics["wuts_bridge_goroutines"],
        )

    def growth(self, before: Resources, allowed: Resources) -> list[str]:
        """Name what has grown by more than is allowed since an earlier look."""
        now, then, limits = asdict(self), asdict(before), asdict(allowed)
        return [
            f"{name} grew from {then[name]} to {now[name]}, allowed are {limits[name]} more"
            for name in now
            if now[name] > then[name] + limits[name]
        ]


def _open_targets(folder: Path) -> list[str]:
    """Name what is behind each file handle; one that is closed meanwhile is left out."""
    targets: list[str] = []
    for link in folder.iterdir():
        with suppress(FileNotFoundError):
            targets.append(os.readlink(link))
    return targets


def _read_metrics(service: Service) -> dict[str, int]:
    """Read the metrics that are single numbers."""
    url = f"http://{service.settings['WUTS_MANAGEMENT_BIND']}/metrics"
    answer = service.http.get(url).raise_for_status()
    families = text_string_to_metric_families(answer.text)
    return {one.name: int(one.samples[0].value) for one in families if len(one.samples) == 1}
