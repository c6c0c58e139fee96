"""The database file, its transactions and its errors."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, exc

from sessions.data_directory import DataBelongsElsewhere
from sessions.errors import StorageUnavailable
from sessions.store import database as module
from sessions.store.database import Database
from sessions.store.meta import claim_network
from sessions.store.migrations import newest
from sessions.store.models import Base, MetaRow
from tests.support.sessions import threads


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database is."""
    return tmp_path / "wuts.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    """An open database."""
    database = Database(path)
    database.open()
    yield database
    database.close()


def test_the_migrations_make_the_tables_of_the_models(database: Database, path: Path) -> None:
    """A database that is migrated from nothing has exactly the tables that the code expects."""
    assert database.is_available()
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_a_database_of_today_needs_no_migration(database: Database, path: Path) -> None:
    """The newest migration's file is named after the revision that the migrations lead to."""
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    assert found == (newest(),)


def test_opening_again_keeps_what_is_there(path: Path) -> None:
    """Migrations that were applied are not applied again."""
    for value in ("first", "second"):
        database = Database(path)
        database.open()
        with database.write() as transaction:
            transaction.merge(MetaRow(key=value, value=value))
        with database.read() as transaction:
            assert transaction.get(MetaRow, "first") is not None
        database.close()


def test_every_file_is_for_the_owner_alone(database: Database, path: Path) -> None:
    """The side files hold the same secrets and have the same mode."""
    with database.write() as transaction:
        transaction.add(MetaRow(key="a", value="b"))
        files = sorted(path.parent.iterdir())
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in files}
    assert modes == {"wuts.db": 0o600, "wuts.db-shm": 0o600, "wuts.db-wal": 0o600}


def test_an_exception_rolls_back(database: Database) -> None:
    """What a failing transaction wrote is not there afterwards."""

    def write_and_fail() -> None:
        with database.write() as transaction:
            transaction.add(MetaRow(key="a", value="b"))
            transaction.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    with database.read() as transaction:
        assert transaction.get(MetaRow, "a") is None


def test_a_commit_is_on_disk(database: Database) -> None:
    """Each connection syncs in full, keeps a log, and checks references."""
    with database.read() as transaction:
        connection = transaction.connection()
        pragmas = ("synchronous", "journal_mode", "foreign_keys", "busy_timeout")
        values = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas]
    assert values == [2, "wal", 1, 2000]


def test_readers_do_not_wait_for_a_writer(database: Database) -> None:
    """While one writes, another reads what was there before."""
    with database.write() as writer:
        writer.add(MetaRow(key="a", value="b"))
        writer.flush()
        with database.read() as reader:
            assert reader.get(MetaRow, "a") is None


def test_writers_take_no_connections_of_readers(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many wait to write, readers get on; and who waited too long is told so."""
    monkeypatch.setattr(module, "_QUEUE_SECONDS", 0.5)
    database = Database(path)
    database.open()

    def write() -> None:
        with database.write() as writer:
            writer.get(MetaRow, "a")

    def read() -> None:
        with database.read() as reader:
            assert reader.get(MetaRow, "a") is None

    with database.write() as first:
        first.add(MetaRow(key="a", value="b"))
        first.flush()
        with threads([write] * 64 + [read] * 64) as outcomes:
            pass
    assert [type(outcome) for outcome in outcomes[:64]] == [StorageUnavailable] * 64
    assert outcomes[64:] == [None] * 64
    database.close()


@pytest.mark.parametrize(("stuck_after", "is_writable"), [(10, True), (0, False)])
def test_a_crowd_of_writers_is_no_failure(
    database: Database, monkeypatch: pytest.MonkeyPatch, stuck_after: float, is_writable: bool
) -> None:
    """Who waited too long for others does not stop commands, unless one writer is stuck."""
    monkeypatch.setattr(module, "_QUEUE_SECONDS", 0.01)
    monkeypatch.setattr(module, "_STUCK_SECONDS", stuck_after)
    with database.write():
        with pytest.raises(StorageUnavailable), database.write():
            pass
        assert database.is_writable is is_writable


def test_the_log_is_emptied(database: Database, path: Path) -> None:
    """What was erased is not in the write-ahead log; while somebody reads that is left to later."""

    def is_empty() -> bool:
        return path.with_name("wuts.db-wal").stat().st_size == 0

    with database.write() as transaction:
        transaction.add(MetaRow(key="a", value="b"))
    with database.read() as reader:
        assert reader.get(MetaRow, "a") is not None
        with database.write() as transaction:
            transaction.add(MetaRow(key="c", value="d"))
        database.empty_log()
        assert not is_empty()
    database.empty_log()
    assert is_empty()


def test_a_storage_that_stays_locked_is_unavailable(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer that can't begin in time gets a clear error, not a defect."""
    monkeypatch.setattr(module, "_PRAGMAS", ("PRAGMA busy_timeout=1",))
    database = Database(path)
    database.open()
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageUnavailable), database.write() as transaction:
        transaction.add(MetaRow(key="a", value="b"))
    blocker.close()
    database.close()


def test_a_closed_storage_is_unavailable(path: Path) -> None:
    """Before it is opened and after it is closed it says so."""
    database = Database(path)
    assert not database.is_available()
    with pytest.raises(StorageUnavailable), database.read():
        pass


def test_a_file_that_is_no_database_is_unavailable(path: Path) -> None:
    """A damaged file is the storage's fault."""
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(StorageUnavailable):
        Database(path).open()


def test_a_broken_rule_is_a_defect(database: Database) -> None:
    """Repeating would not help, so it is not called unavailable; and no values are in the text."""

    def add(value: str) -> None:
        with database.write() as transaction:
            transaction.add(MetaRow(key="a", value=value))

    add("b")
    with pytest.raises(exc.IntegrityError) as raised:
        add("a-secret")
    assert "a-secret" not in str(raised.value)


def test_data_belongs_to_one_network(database: Database) -> None:
    """The first network is remembered, and another one is refused by name."""
    for _ in range(2):
        with database.write() as transaction:
            claim_network(transaction, "whatsapp")
    expected = "this data belongs to whatsapp; it can't be used with sim:00"
    with pytest.raises(DataBelongsElsewhere, match=expected), database.write() as transaction:
        claim_network(transaction, "sim:00")
