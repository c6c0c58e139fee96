"""Child processes with a log file and an orderly end, for the demo and the end-to-end tests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx

Result = TypeVar("Result")
POLL_SECONDS = 0.05


class ChildFailed(RuntimeError):
    """A child process ended, or did not do in time what was waited for. Names its log file."""


def wait_for(
    probe: Callable[[], Result | None], *, seconds: float, what: str, child: Child | None = None
) -> Result:
    """Return the first truthy answer of the probe.

    Raises ChildFailed once the seconds are over, or as soon as the child has ended.
    """
    until = time.monotonic() + seconds
    while True:
        if answer := probe():
            return answer
        if child is not None and child.process.poll() is not None:
            raise ChildFailed(
                f"{child.name} ended with {child.process.returncode}:\n{child.tail()}"
            )
        if time.monotonic() > until:
            log = f":\n{child.tail()}" if child is not None else ""
            raise ChildFailed(f"{what} did not happen within {seconds:g} s{log}")
        time.sleep(POLL_SECONDS)


@dataclass(slots=True)
class Child:
    """A running program. Its output, both streams, goes to `log` (0600)."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(
        cls, name: str, command: Sequence[str | Path], *, log: Path, environ: Mapping[str, str]
    ) -> Child:
        """Start a program in a session of its own, so that Ctrl-C does not reach it."""
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            process = subprocess.Popen(  # noqa: S603 - the command is ours
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                env=dict(environ),
                start_new_session=True,
            )
        finally:
            os.close(descriptor)
        return cls(name, process, log)

    def tail(self, lines: int = 30) -> str:
        """Return the last lines of the log."""
        text = self.log.read_text(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def stop(self, *, seconds: float = 40) -> int:
        """Ask the program to end, insist once the seconds are over, and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


def start_simulator(
    binary: Path, *, state: Path | None, log: Path, extra: Sequence[str] = ()
) -> tuple[Child, dict[str, Any]]:
    """Start wasim; return it with its ready line: `endpoint`, `control`, `root_key`."""
    command: list[str | Path] = [binary, *extra]
    if state is not None:
        command += ["--state", state]
    child = Child.start("wasim", command, log=log, environ=os.environ)

    def ready() -> dict[str, Any] | None:
        for line in log.read_text(errors="replace").splitlines():
            if line.startswith('{"endpoint"'):
                return dict(json.loads(line))
        return None

    return child, wait_for(ready, seconds=20, what="the start of the simulator", child=child)


def start_service(environ: Mapping[str, str], *, log: Path) -> Child:
    """Start gunicorn with WUTS_* settings of the mapping alone; it is not ready yet."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("WUTS_", "GUNICORN_"))}
    command = [sys.executable, "-m", "gunicorn", "-c", "python:app.gunicorn_conf", "wsgi:app"]
    return Child.start("gunicorn", command, log=log, environ={**inherited, **environ})


def wait_ready(child: Child, base_url: str, *, seconds: float = 60) -> None:
    """Wait until the service says that it is ready."""

    def ready() -> bool | None:
        try:
            return httpx.get(f"{base_url}/readyz", trust_env=False, timeout=5).is_success or None
        except httpx.TransportError:
            return None

    wait_for(ready, seconds=seconds, what="readiness of the service", child=child)
