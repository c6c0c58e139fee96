"""Other clients of an account, as processes that take commands and report what they see."""

from __future__ import annotations

import itertools
import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.processes import wait_for
from tests.support.simulator import Phone


@dataclass(slots=True)
class Judge:
    """A running client. Its events are the lines of `output`; `device` is its number."""

    process: subprocess.Popen[str]
    output: Path
    device: int = 0
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def events(self, **fields: Any) -> list[dict[str, Any]]:
        """Return the events so far that have these fields."""
        lines = self.output.read_text().splitlines(keepends=True)
        events = [json.loads(line) for line in lines if line.endswith("\n")]
        return [event for event in events if fields.items() <= event.items()]

    def wait(self, *, seconds: float = 40, **fields: Any) -> dict[str, Any]:
        """Wait for an event with these fields and return the last such one."""

        def seen() -> list[dict[str, Any]]:
            assert self.process.poll() is None, self.output.read_text()
            return self.events(**fields)

        return wait_for(seen, seconds=seconds, what=f"the judge's event {fields}")[-1]

    def obey(self, **command: Any) -> bool:
        """Give a command and wait for its end; returns whether it was carried out."""
        number = next(self.numbers)
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"id": number, **command}) + "\n")
        self.process.stdin.flush()
        return self.wait(id=number)["event"] == "done"

    def archive(self, jid: str, archived: bool) -> None:
        """Let it archive a chat, which the server takes."""
        assert self.obey(archive=jid, archived=archived)

    def reject(self, call_id: str, caller: str) -> None:
        """Let it refuse a call, which the server acknowledges."""
        assert self.obey(reject=call_id, **{"from": caller})


@contextmanager
def running_client(
    command: Sequence[str | Path], output: Path, phone: Phone, *, may_complain: bool
) -> Iterator[Judge]:
    """Link a client to an account; at the end it must stop by itself.

    Unless it may complain, it must never have seen anything that a good server does not cause.
    """
    simulator, before = phone.simulator, {device["id"] for device in phone.devices()}
    where = ["--endpoint", simulator.endpoint, "--root-key", simulator.root_key]
    where += ["--control", str(simulator.control.base_url).rstrip("/"), "--account", phone.pn]
    with (
        output.open("wb") as stdout,
        output.with_suffix(".log").open("wb") as stderr,
        subprocess.Popen(
            [*command, *where], stdin=subprocess.PIPE, stdout=stdout, stderr=stderr, text=True
        ) as process,
    ):
        judge = Judge(process, output)
        try:
            judge.wait(event="open")
            judge.wait(event="synced", collection="critical_block")
            (judge.device,) = {device["id"] for device in phone.devices()} - before
            yield judge
            process.communicate(timeout=10)  # closes its input and waits
        finally:
            process.kill()
    assert may_complain or judge.events(event="error") == []
    assert process.returncode == 0
