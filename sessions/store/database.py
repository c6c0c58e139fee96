"""The service's SQLite database: its file, its transactions and its errors.

Readers never wait for writers (WAL). A writer takes the write lock as it begins (BEGIN IMMEDIATE),
waiting up to five seconds for the one before it. What the storage can't do is StorageUnavailable.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, create_engine, event, exc
from sqlalchemy.orm import Session as Transaction

from sessions.errors import StorageUnavailable
from sessions.store.migrations import migrate

_BUSY_SECONDS = 5
_CONNECTIONS = 16
_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    f"PRAGMA busy_timeout={_BUSY_SECONDS * 1000}",
    "PRAGMA foreign_keys=ON",
    # What is deleted is overwritten, not just left out.
    "PRAGMA secure_delete=ON",
)
# A statement that doesn't fit the schema, or a row that breaks a rule, is a defect of ours.
_DEFECTS = (exc.IntegrityError, exc.ProgrammingError, exc.DataError)

log = structlog.get_logger(__name__)


class Database:
    """A database file, opened and closed once each. Transactions may run in any thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engine: Engine | None = None
        self._is_writable = True

    @property
    def is_writable(self) -> bool:
        """Whether the last write succeeded."""
        return self._is_writable

    def open(self) -> None:
        """Make or migrate the file. Raises StorageUnavailable."""
        # Made here so that it is the owner's alone; SQLite gives its side files the same mode.
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        engine = _create_engine(self._path)
        with _translated(), engine.connect().execution_options(immediate=True) as connection:
            migrate(connection)
            connection.commit()
        self._engine = engine

    def close(self) -> None:
        """Close every connection; harmless when not open."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """Give a transaction that sees one state of the database and changes nothing."""
        with _translated(), Transaction(self._opened()) as transaction:
            yield transaction

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Give a transaction that is committed at the end, or rolled back by an exception."""
        engine = self._opened().execution_options(immediate=True)
        try:
            with _translated(), Transaction(engine) as transaction, transaction.begin():
                yield transaction
        except StorageUnavailable:
            self._is_writable = False
            raise
        self._is_writable = True

    def empty_log(self) -> None:
        """Empty the write-ahead log, in which what was erased can still be read.

        That is left to a later time when others keep it busy, or the storage does not answer.
        """
        connection = self._opened().raw_connection()
        try:
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error:
            log.warning("write_ahead_log_not_emptied")
        finally:
            connection.close()

    def is_available(self) -> bool:
        """Whether the database answers."""
        try:
            with self.read() as transaction:
                transaction.connection().exec_driver_sql("SELECT 1 FROM meta LIMIT 1")
        except StorageUnavailable:
            return False
        return True

    def _opened(self) -> Engine:
        if self._engine is None:
            raise StorageUnavailable("the storage is not open")
        return self._engine


def _create_engine(path: Path) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}",
        hide_parameters=True,
        pool_size=_CONNECTIONS,
        max_overflow=_CONNECTIONS,
        pool_timeout=_BUSY_SECONDS,
    )
    event.listen(engine, "connect", _prepare_connection)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare_connection(connection: sqlite3.Connection, _record: Any) -> None:
    # The driver begins no transactions of its own: _begin does, the way each one needs.
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def _begin(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except _DEFECTS:
        raise
    except (exc.DBAPIError, exc.TimeoutError) as error:
        raise StorageUnavailable from error
