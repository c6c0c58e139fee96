"""Baileys, a WhatsApp client that shares no code with ours."""

from __future__ import annotations

import shutil
from contextlib import AbstractContextManager
from pathlib import Path

from tests.support.judges import Judge, running_client
from tests.support.simulator import Phone

FOLDER = Path(__file__).parents[1] / "baileys"


def node() -> str:
    """Return the path of Node.js, which the judge needs."""
    path = shutil.which("node")
    assert path is not None, "the Baileys judge needs Node.js 20 or newer on PATH"
    return path


def running_judge(
    folder: Path, phone: Phone, *, may_complain: bool = False
) -> AbstractContextManager[Judge]:
    """Link Baileys, which verifies every MAC, to an account."""
    command = [node(), FOLDER / "judge.js"]
    return running_client(command, folder / "baileys.jsonl", phone, may_complain=may_complain)
