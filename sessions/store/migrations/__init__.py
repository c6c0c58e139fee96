"""Bring a database to the tables of today. Alembic is configured here, in code."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from sessions.errors import StorageUnavailable

FOLDER = Path(__file__).parent


def migrate(connection: Connection) -> None:
    """Apply the migrations that the database behind the connection lacks. The caller commits.

    Raises StorageUnavailable when it has some that are not known here.
    """
    if _revision(connection) == newest():
        return
    # Only now, for it is a quarter of what a start has to import, and nearly no start needs it.
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StorageUnavailable("another version of this service has made it") from error


def newest() -> str:
    """Return the revision that the last migration leads to: its file begins with it."""
    return max(path.name.partition("_")[0] for path in (FOLDER / "versions").glob("[0-9]*.py"))


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
