"""The service's SQLite database: its file, its transactions and its errors.

Readers never wait for writers (WAL), for they have connections of their own. Writers share one, in
the order in which they come, and wait up to three seconds for it; it takes the write lock as it
begins (BEGIN IMMEDIATE), waiting up to two seconds for another process. What the storage can't do
is StorageUnavailable.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, Update, create_engine, event, exc
from sqlalchemy.orm import Session as Transaction
from sqlalchemy.sql.dml import UpdateBase

from sessions.errors import StorageUnavailable
from sessions.store.migrations import migrate
from sessions.store.models import DeviceRow, TenantRow, TokenRow, UserRow, WebhookRow
from sessions.store.turns import Turns

_QUEUE_SECONDS = 3
_STUCK_SECONDS = 10
_LOCK_SECONDS = 2
_READERS = 32
_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    f"PRAGMA busy_timeout={_LOCK_SECONDS * 1000}",
    "PRAGMA foreign_keys=ON",
    # What is deleted is overwritten, not just left out.
    "PRAGMA secure_delete=ON",
)
_MEMBERS = frozenset(row.__tablename__ for row in (TenantRow, UserRow, TokenRow, WebhookRow))
_MEMBERSHIP = "changes_membership"
# A statement that doesn't fit the schema, or a row that breaks a rule, is a defect of ours.
_DEFECTS = (exc.IntegrityError, exc.ProgrammingError, exc.DataError)

log = structlog.get_logger(__name__)


class Database:
    """A database file, opened and closed once each. Transactions may run in any thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._readers: Engine | None = None
        self._writer: Engine | None = None
        self._turns = Turns()
        self._is_writable = True
        self._membership = object()

    @property
    def membership(self) -> object:
        """Another object after every commit that changed who there is, or which devices there are.

        Whatever was read of tenants, users, tokens, owners of devices and webhooks holds as long as
        this one.
        """
        return self._membership

    @property
    def is_writable(self) -> bool:
        """Whether the last write succeeded."""
        return self._is_writable

    def open(self) -> None:
        """Make or migrate the file. Raises StorageUnavailable."""
        # Made here so that it is the owner's alone; SQLite gives its side files the same mode.
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        writer = _create_engine(self.path, connections=1).execution_options(immediate=True)
        event.listen(writer, "before_execute", _note_membership)
        try:
            with _translated(), writer.connect() as connection:
                migrate(connection)
                connection.commit()
        except BaseException:
            writer.dispose()
            raise
        self._readers, self._writer = _create_engine(self.path, connections=_READERS), writer

    def close(self) -> None:
        """Close every connection; harmless when not open."""
        engines = (self._readers, self._writer)
        self._readers = self._writer = None
        for engine in engines:
            if engine is not None:
                engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """Give a transaction that sees one state of the database and changes nothing."""
        with _translated(), Transaction(_opened(self._readers)) as transaction:
            yield transaction

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Give a transaction that is committed at the end, or rolled back by an exception."""
        with self._turn():
            try:
                with (
                    _translated(),
                    Transaction(_opened(self._writer)) as transaction,
                    transaction.begin(),
                ):
                    yield transaction
                    transaction.flush()
                    is_changed = transaction.connection().info.pop(_MEMBERSHIP, False)
            except StorageUnavailable:
                self._is_writable = False
                raise
            self._is_writable = True
            if is_changed:
                self._membership = object()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait for the writers that came before; that they are many says nothing of the storage."""
        if not self._turns.take(_QUEUE_SECONDS):
            if self._turns.age > _STUCK_SECONDS:
                self._is_writable = False
            raise StorageUnavailable
        try:
            yield
        finally:
            self._turns.pass_on()

    def empty_log(self) -> None:
        """Empty the write-ahead log, in which what was erased can still be read.

        That is left to a later time when others keep it busy, or the storage does not answer.
        """
        try:
            with (
                _translated(),
                self._turn(),
                closing(_opened(self._writer).raw_connection()) as connection,
            ):
                answer = connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except (sqlite3.Error, StorageUnavailable):
            answer = None
        if answer is None or answer[0]:
            log.warning("write_ahead_log_not_emptied")

    def is_available(self) -> bool:
        """Whether the database answers."""
        try:
            with self.read() as transaction:
                transaction.connection().exec_driver_sql("SELECT 1 FROM meta LIMIT 1")
        except StorageUnavailable:
            return False
        return True


def _note_membership(connection: Connection, statement: Any, *_: Any) -> None:
    """Mark the transaction when a statement changes who there is, or which devices there are."""
    if not isinstance(statement, UpdateBase):
        return
    table: Any = statement.table
    # What is observed of a device changes all the time; whose it is, never.
    is_of_device = table.name == DeviceRow.__tablename__ and not isinstance(statement, Update)
    if table.name in _MEMBERS or is_of_device:
        connection.info[_MEMBERSHIP] = True


def _opened(engine: Engine | None) -> Engine:
    if engine is None:
        raise StorageUnavailable("the storage is not open")
    return engine


def _create_engine(path: Path, *, connections: int) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}",
        hide_parameters=True,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=_QUEUE_SECONDS,
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
