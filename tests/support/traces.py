"""What the service's database still has of somebody."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sessions.store.models import Base


def tables_naming(path: Path, *ids: str) -> set[str]:
    """Return the tables that have one of the ids in any row."""
    found = set()
    with closing(sqlite3.connect(path / "wuts.db")) as connection:
        for table in Base.metadata.sorted_tables:
            for row in connection.execute(f"SELECT * FROM {table.name}"):  # noqa: S608
                if set(ids) & set(row):
                    found.add(table.name)
    return found


def all_bytes(path: Path) -> bytes:
    """Return what is in the database and the files beside it."""
    return b"".join(file.read_bytes() for file in path.glob("wuts.db*"))
