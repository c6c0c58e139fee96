"""The files of the demo."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.processes import ChildFailed


@dataclass(frozen=True, slots=True)
class Paths:
    """Where the demo keeps its things. Everything below `home` is erased when it is not whole."""

    var: Path

    @property
    def home(self) -> Path:
        """The folder with all data of the demo."""
        return self.var / "demo"

    @property
    def credentials(self) -> Path:
        """What a second start needs: the tokens and the device's id."""
        return self.home / "credentials.json"

    @property
    def summary(self) -> Path:
        """What other programs may read while the demo runs."""
        return self.var / "demo.json"

    @contextmanager
    def own(self) -> Iterator[None]:
        """Keep a second demo off while the body runs. Raises ChildFailed when one runs already."""
        self.var.mkdir(parents=True, exist_ok=True)
        with (self.var / "demo.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ChildFailed(f"a demo is already running in {self.var}") from error
            yield

    def prepare(self) -> None:
        """Make the folders; drop what an interrupted first start left behind."""
        self.summary.unlink(missing_ok=True)
        if self.home.exists() and not self.credentials.exists():
            shutil.rmtree(self.home)
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)


def write_private(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON that only the owner may read, whole or not at all."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file, indent=2)
    fresh.rename(path)
