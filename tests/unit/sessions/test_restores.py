"""Finding out that a backup was restored."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.fake import FakeBridge
from sessions.principals import Principal
from sessions.restores import MARK
from tests.support.sessions import Stage, at_once, running


def epoch_of(stage: Stage, principal: Principal) -> int:
    """Return the epoch of a device's log, or of the log it will have."""
    page = stage.service.event_log.list(principal, None, after=0, types=(), limit=1, wait=at_once())
    return page.epoch


def restore_all(backup: Path, data: Path) -> None:
    """Put back every file as it was, with its times."""
    shutil.copytree(backup, data, dirs_exist_ok=True)


def restore_database(backup: Path, data: Path) -> None:
    """Put back the database alone."""
    shutil.copy2(backup / "wuts.db", data / "wuts.db")


def remove_mark(_backup: Path, data: Path) -> None:
    """Say by hand that time has gone back."""
    (data / MARK).unlink()


@pytest.mark.parametrize("restore", [restore_all, restore_database, remove_mark])
def test_epochs(tmp_path: Path, restore: Callable[[Path, Path], None]) -> None:
    """The epoch stays over starts and rises with every restore, also of the same backup."""
    data, backup = tmp_path / "data", tmp_path / "backup"
    data.mkdir()
    bridge = FakeBridge()
    with running(data, bridge) as stage:
        principal = stage.register()
        stage.service.devices.create(principal, "phone")
        first = epoch_of(stage, principal)
    shutil.copytree(data, backup)
    with running(data, bridge.reopen()) as stage:
        assert epoch_of(stage, principal) == first
    epochs = [first]
    for _ in range(2):
        restore(backup, data)
        with running(data, FakeBridge()) as stage:
            epochs.append(epoch_of(stage, principal))
    with running(data, FakeBridge()) as stage:
        assert epoch_of(stage, principal) == epochs[-1]
    assert epochs == sorted(set(epochs))
