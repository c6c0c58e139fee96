"""The demo as a newcomer runs it."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from app.processes import Child, wait_for
from tests.support.service import free_port
from tests.support.simulator import WASIM


def command_for(folder: Path) -> list[str]:
    """Return what `make demo` runs, with its data below the folder."""
    return [
        *(sys.executable, "-m", "app.demo", "--port", str(free_port())),
        *("--simulator", str(WASIM), "--var", str(folder)),
    ]


@contextmanager
def running_demo(folder: Path) -> Iterator[tuple[Child, dict[str, Any]]]:
    """Run the demo and yield it with the content of demo.json once that is there."""
    child = Child.start("demo", command_for(folder), log=folder / "demo.log", environ=os.environ)
    summary = folder / "demo.json"
    try:
        wait_for(lambda: summary.exists() or None, seconds=90, what="demo.json", child=child)
        yield child, json.loads(summary.read_text())
    finally:
        child.stop()


def archive(facts: dict[str, Any], *, archived: bool) -> httpx.Response:
    """Archive the demo's first chat as the printed curl does."""
    return httpx.post(
        f"{facts['api']}/chats/{facts['chats'][0]}/archive",
        json={"archived": archived},
        headers={"Authorization": f"Bearer {facts['token']}"},
        trust_env=False,
    )


def ring(facts: dict[str, Any]) -> str:
    """Let the demo's first chat call as the printed curl does; returns the id of the call."""
    url = f"{facts['simulator']}/v1/accounts/{facts['phone']}/calls"
    answer = httpx.post(url, json={"from": facts["chats"][0]}, trust_env=False)
    assert answer.is_success, answer.text
    return str(answer.json()["call_id"])


def reject(facts: dict[str, Any], call_id: str) -> str | None:
    """Reject a call as the printed curl does; returns its state once it is known."""
    answer = httpx.post(
        f"{facts['api']}/calls/reject",
        json={"call_id": call_id},
        headers={"Authorization": f"Bearer {facts['token']}"},
        trust_env=False,
    )
    return answer.json().get("state")


def test_demo_shows_the_main_job(tmp_path: Path) -> None:
    """The demo archives, shows the phone's view, keeps a second off, ends well and starts again."""
    with running_demo(tmp_path) as (child, facts):
        assert stat.S_IMODE((tmp_path / "demo.json").stat().st_mode) == 0o600
        for path in ("/docs", "/openapi.json", "/readyz"):
            assert httpx.get(facts["api"] + path, trust_env=False).status_code == 200
        jid = facts["chats"][0]
        answer = archive(facts, archived=True)
        assert answer.json() == {"success": True, "chat_jid": jid, "archived": True}
        call_id = ring(facts)
        state = wait_for(lambda: reject(facts, call_id), seconds=10, what="the call")
        assert state == "rejecting"
        second = subprocess.run(command_for(tmp_path), capture_output=True, text=True, timeout=60)
        assert second.returncode == 1
        assert "already running" in second.stderr
        assert (tmp_path / "demo.json").exists()
        wait_for(lambda: f"{jid} archived: yes" in child.tail() or None, seconds=10, what="a line")
        assert httpx.get(f"{facts['simulator']}/v1/violations", trust_env=False).json() == {
            "violations": []
        }
        child.process.send_signal(signal.SIGINT)
        assert child.process.wait(60) == 0
        assert not (tmp_path / "demo.json").exists()
    with running_demo(tmp_path) as (child, again):
        assert again["device_id"] == facts["device_id"]
        assert again["token"] == facts["token"]
        assert "linked from an earlier start" in child.tail(60)
        assert archive(again, archived=False).status_code == 200


def test_demo_names_a_taken_port(tmp_path: Path) -> None:
    """A port that is taken is named at once, with the way to choose another."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [port if part.isdigit() else part for part in command_for(tmp_path)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert f"port {port} is taken" in ended.stderr
