"""Bring a database to the tables of today. Alembic is configured here, in code."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Connection

from sessions.errors import StorageUnavailable


def migrate(connection: Connection) -> None:
    """Apply the migrations that the database behind the connection lacks. The caller commits.

    Raises StorageUnavailable when it has some that are not known here.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StorageUnavailable("another version of this service has made it") from error
