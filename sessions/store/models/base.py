"""What all tables have in common."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

from sessions.times import from_milliseconds, to_milliseconds


class UnixMilliseconds(TypeDecorator[datetime]):
    """A column of times."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> int | None:  # noqa: ARG002
        """Store an aware datetime."""
        return None if value is None else to_milliseconds(value)

    def process_result_value(self, value: int | None, dialect: Any) -> datetime | None:  # noqa: ARG002
        """Load an aware datetime."""
        return None if value is None else from_milliseconds(value)


class Base(DeclarativeBase):
    """What the tables have in common."""

    type_annotation_map = {datetime: UnixMilliseconds}  # noqa: RUF012 - SQLAlchemy's own declaration
