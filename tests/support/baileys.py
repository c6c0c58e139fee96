"""Baileys, a WhatsApp client that shares no code with ours, as a process that reports."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.processes import wait_for
from tests.support.simulator import Phone

FOLDER = Path(__file__).parents[1] / "baileys"


def node() -> str:
    """Return the path of Node.js, which the judge needs."""
    path = shutil.which("node")
    assert path is not None, "the Baileys judge needs Node.js 20 or newer on PATH"
    return path


@dataclass(slots=True)
class Judge:
    """A running judge. Its events are the lines of `output`."""

    process: subprocess.Popen[str]
    output: Path

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

        return wait_for(seen, seconds=seconds, what=f"Baileys' event {fields}")[-1]

    def archive(self, jid: str, archived: bool) -> None:
        """Let Baileys archive a chat, and wait until the server took it."""
        self._order(archive=jid, archived=archived)
        self.wait(event="archived", jid=jid, archived=archived)

    def reject(self, call_id: str, caller: str) -> None:
        """Let Baileys refuse a call, and wait until the server acknowledged it."""
        self._order(reject=call_id, **{"from": caller})
        self.wait(event="rejected", id=call_id)

    def _order(self, **command: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()


@contextmanager
def running_judge(folder: Path, phone: Phone) -> Iterator[Judge]:
    """Link Baileys to an account; at the end it must stop by itself and have had no complaint."""
    command = [node(), FOLDER / "judge.js", "--account", phone.pn]
    command += ["--endpoint", phone.simulator.endpoint, "--root-key", phone.simulator.root_key]
    command += ["--control", str(phone.simulator.control.base_url).rstrip("/")]
    output = folder / "baileys.jsonl"
    with (
        output.open("wb") as stdout,
        (folder / "baileys.log").open("wb") as stderr,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=stdout, stderr=stderr, text=True
        ) as process,
    ):
        judge = Judge(process, output)
        try:
            judge.wait(event="open")
            judge.wait(event="synced", collection="critical_block")
            yield judge
            process.communicate(timeout=10)  # closes its input and waits
        finally:
            process.kill()
    assert judge.events(event="error") == []
    assert process.returncode == 0
