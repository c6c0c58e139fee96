"""Tests of the binding's build: the two headers can't drift apart unseen."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bridge.build import FOLDER

BUILD = "import pathlib, sys; from bridge.build import build; build(pathlib.Path(sys.argv[1]))"


def build(folder: Path, header: str) -> subprocess.CompletedProcess[str]:
    """Build the binding with another hand-written header than the real one."""
    (folder / "wabridge.h").write_text(header)
    for name in ("libwabridge.h", "libwabridge.so"):
        (folder / name).symlink_to(FOLDER / name)
    command = [sys.executable, "-c", BUILD, str(folder)]
    return subprocess.run(
        command, cwd=FOLDER.parent, capture_output=True, text=True, timeout=120, check=False
    )


def test_headers_agree(tmp_path: Path) -> None:
    """The header as it is builds, and leaves the binding beside the library."""
    done = build(tmp_path, (FOLDER / "wabridge.h").read_text())
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "_wabridge.abi3.so").is_file()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("void wa_free(char *reply);", "void wa_free(char *reply);\nvoid wa_more(void);"),
        ("wa_stop(int32_t deadline_ms)", "wa_stop(int64_t deadline_ms)"),
        ("uint64_t ack, int32_t timeout_ms", "int32_t timeout_ms, uint64_t ack"),
        ("const char *config, size_t length", "char *config, size_t length"),
        ("const char *config, size_t length", "const char *config"),
        ("void wa_free", "int wa_free"),
    ],
    ids=["symbol", "width", "order", "const", "arity", "result"],
)
def test_drift_fails_the_build(tmp_path: Path, old: str, new: str) -> None:
    """A symbol that Go does not export, or exports otherwise, is no binding."""
    header = (FOLDER / "wabridge.h").read_text()
    assert old in header
    done = build(tmp_path, header.replace(old, new))
    assert done.returncode != 0
    assert "error:" in done.stderr
    assert not (tmp_path / "_wabridge.abi3.so").exists()
