"""The demo as a newcomer runs it."""

from __future__ import annotations

import json
import os
import signal
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from app.processes import Child, wait_for
from tests.support.service import free_port
from tests.support.simulator import WASIM


@contextmanager
def running_demo(folder: Path) -> Iterator[tuple[Child, dict[str, Any]]]:
    """Run the demo and yield it with the content of demo.json once that is there."""
    command = [
        *(sys.executable, "-m", "app.demo", "--port", str(free_port())),
        *("--simulator", str(WASIM), "--var", str(folder)),
    ]
    child = Child.start("demo", command, log=folder / "demo.log", environ=os.environ)
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


def test_demo_shows_the_main_job(tmp_path: Path) -> None:
    """The demo archives a chat, shows the phone's view, ends well on Ctrl-C and starts again."""
    with running_demo(tmp_path) as (child, facts):
        assert stat.S_IMODE((tmp_path / "demo.json").stat().st_mode) == 0o600
        for path in ("/docs", "/openapi.json", "/readyz"):
            assert httpx.get(facts["api"] + path, trust_env=False).status_code == 200
        jid = facts["chats"][0]
        answer = archive(facts, archived=True)
        assert answer.json() == {"success": True, "chat_jid": jid, "archived": True}
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
