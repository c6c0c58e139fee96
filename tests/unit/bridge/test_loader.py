"""Tests of loading the Go library: late, and in one process."""

from __future__ import annotations

import sys

import pytest

from bridge.errors import BridgeCode, BridgeError
from bridge.loader import Loader
from tests.support.scripts import run_python

IMPORTS = """
import importlib, pathlib, sys
importlib.import_module(sys.argv[1])
import bridge.client
bridge.client.WhatsmeowBridge()
assert "libwabridge" not in pathlib.Path("/proc/self/maps").read_text()
"""

FORK = """
import os
from bridge.errors import BridgeError
from bridge.loader import Loader

loader = Loader()
loader.load()
child = os.fork()
if child == 0:
    try:
        loader.load()
    except BridgeError as error:
        assert f"loaded by process {os.getppid()}" in error.message
        os._exit(0 if error.code == "INTERNAL" else 2)
    os._exit(1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""


@pytest.mark.parametrize("module", ["bridge", "bridge.client", "sessions", "app", "wsgi"])
def test_import_loads_no_go(module: str) -> None:
    """Importing the bridge or what stands on it maps no Go code into the process."""
    run_python(IMPORTS, module)


def test_fork_is_refused() -> None:
    """A process forked after the load gets a clear error instead of hanging."""
    run_python(FORK)


def test_library_not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing library is one clear sentence."""
    monkeypatch.setitem(sys.modules, "bridge._wabridge", None)
    with pytest.raises(BridgeError, match="make bridge") as caught:
        Loader().load()
    assert caught.value.code is BridgeCode.INTERNAL
