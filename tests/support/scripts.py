"""Runs Python in a process of its own: the Go library can't be unloaded, nor used after a fork."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run_python(script: str, *arguments: str) -> str:
    """Run a script in the repository's root and return what it printed. It must succeed."""
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout
