"""Loads the Go library on first use, and in one process only.

A process that is forked after the Go runtime has started hangs in its first invocation, so the
loader remembers where it loaded. The lock guards the loading; nothing else blocks under it.
"""

from __future__ import annotations

import os
import threading
from importlib import import_module
from typing import Any

from bridge.errors import BridgeCode, BridgeError


class Loader:
    """Holds the library of the process that first asked for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._binding: Any = None
        self._pid = 0

    def load(self) -> Any:
        """Return the cffi module with `ffi` and `lib`.

        Raises BridgeError with INTERNAL in a process forked after the first load, and when the
        library is not built.
        """
        if self._pid not in (0, os.getpid()):
            raise BridgeError(
                BridgeCode.INTERNAL,
                f"the Go library was loaded by process {self._pid} and can't be used after a fork",
            )
        with self._lock:
            if self._binding is None:
                self._binding = _import_binding()
                self._pid = os.getpid()
        return self._binding


def _import_binding() -> Any:
    try:
        return import_module("bridge._wabridge")
    except ImportError as error:
        raise BridgeError(
            BridgeCode.INTERNAL, "the Go library is not built or can't be loaded: run `make bridge`"
        ) from error
