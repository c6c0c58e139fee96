"""What the service knows of its disk, and that nothing is sent when it can't be written down."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sessions.config import Network, ServiceConfig
from sessions.errors import StorageUnavailable
from sessions.storage import Storage
from sessions.store import database as module
from sessions.store.database import Database
from sessions.store.models import MetaRow
from sessions.times import utc_now
from tests.support.sessions import Stage

CHAT = "15557000001@s.whatsapp.net"
NO_DISK_MIB = 10**9


@contextmanager
def opened(
    path: Path, monkeypatch: pytest.MonkeyPatch, *pragmas: str, **limits: int
) -> Iterator[Storage]:
    """Open a storage whose connections have further pragmas."""
    database = Database(path / "wuts.db")
    database.open()
    for engine in (database._readers, database._writer):
        assert engine is not None
        engine.dispose()
    pragmas = (*module._PRAGMAS, "PRAGMA busy_timeout=1", *pragmas)
    monkeypatch.setattr(module, "_PRAGMAS", pragmas)
    config = ServiceConfig(path, Network.whatsapp(), **limits)
    yield Storage(config, database, utc_now)
    database.close()


def test_a_disk_that_is_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What can be written is well, and the free space is known after the first step."""
    with opened(tmp_path, monkeypatch) as storage:
        assert storage.space is None
        storage.step()
        storage.check()
        assert storage.is_well
        assert storage.space is not None
        assert storage.space.free > 0


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the write lock of a database, as a stranger."""
    stranger = sqlite3.connect(path, isolation_level=None)
    stranger.execute("BEGIN IMMEDIATE")
    yield
    stranger.close()


def assert_refuses(storage: Storage) -> None:
    """Neither is the storage well, nor may commands be sent."""
    assert not storage.is_well
    with pytest.raises(StorageUnavailable) as raised:
        storage.check()
    assert raised.value.retry_after is not None


def test_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that somebody keeps locked is not well, until the lock is gone."""
    with opened(tmp_path, monkeypatch) as storage:
        with locked(tmp_path / "wuts.db"):
            with pytest.raises(StorageUnavailable):
                storage.step()
            assert_refuses(storage)
        storage.step()
        storage.check()
        assert storage.is_well


def fill(database: Database) -> None:
    """Write much more than a page."""
    for number in range(1000):
        with database.write() as transaction:
            transaction.add(MetaRow(key=str(number), value="x" * 256))


@pytest.mark.parametrize(
    "pragma", ["PRAGMA query_only=ON", "PRAGMA max_page_count=1; PRAGMA journal_mode=DELETE"]
)
def test_read_only_and_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pragma: str) -> None:
    """A database that takes no writes is not well."""
    with opened(tmp_path, monkeypatch, *pragma.split("; ")) as storage:
        with pytest.raises(StorageUnavailable):
            fill(storage._database)
        assert_refuses(storage)


def test_too_little_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below the reserve nothing is sent, though small writes would still succeed."""
    with opened(tmp_path, monkeypatch, disk_reserve_mib=NO_DISK_MIB) as storage:
        storage.step()
        assert_refuses(storage)


def test_an_alert_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below the threshold the disk counts as low, and goes on."""
    with opened(tmp_path, monkeypatch, disk_alert_mib=NO_DISK_MIB) as storage:
        storage.step()
        storage.step()
        assert storage.space is not None
        assert storage.space.is_low
        storage.check()


def test_nothing_is_sent_without_storage(stage: Stage) -> None:
    """A command on a disk that is full is refused before the bridge hears of it."""
    principal = stage.register()
    device = stage.link(principal)
    stage.archive(principal, CHAT)
    stage.service._environment.storage._reserve = 2**60
    sent = [call for call in stage.bridge.calls if call.method == "app_state.apply"]
    with pytest.raises(StorageUnavailable):
        stage.archive(principal, CHAT, device_id=device)
    assert [call for call in stage.bridge.calls if call.method == "app_state.apply"] == sent
