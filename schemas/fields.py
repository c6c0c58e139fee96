"""Fields that are stricter than marshmallow's own: api.md's booleans, times and texts."""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from marshmallow import ValidationError, fields, validate

OLDEST_TIME = datetime(2009, 1, 1, tzinfo=UTC)
RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


class Flag(fields.Boolean):
    """JSON true or false, and nothing that merely looks like them."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input="")
        return value


class QueryFlag(fields.Boolean):
    """The words true or false in a query."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> bool:
        if value not in ("true", "false"):
            raise ValidationError("Must be true or false.")
        return bool(value == "true")


class Count(fields.Integer):
    """A JSON number without a fraction, from `least` to `most`."""

    def __init__(self, least: int, most: int, **kwargs: Any) -> None:
        super().__init__(strict=True, validate=validate.Range(least, most), **kwargs)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        if isinstance(value, bool) or not is_whole:
            raise self.make_error("invalid", input="")
        return int(value)


class WholeNumber(fields.Integer):
    """A whole number in a query, from `least` to `most`."""

    def __init__(self, least: int, most: int, **kwargs: Any) -> None:
        super().__init__(strict=True, validate=validate.Range(least, most), **kwargs)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", str(value)):
            raise self.make_error("invalid", input="")
        return int(value)


class Seconds(WholeNumber):
    """A whole number of seconds in a query, from 0 to `most`."""

    def __init__(self, most: int, **kwargs: Any) -> None:
        super().__init__(0, most, **kwargs)


class Text(fields.String):
    """Text of a bounded length that a database, a log and a terminal can carry."""

    def __init__(self, *, most: int, **kwargs: Any) -> None:
        super().__init__(validate=validate.Length(1, most), **kwargs)

    allowed: ClassVar[str] = ""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        told = (character for character in value if character not in self.allowed)
        if any(unicodedata.category(character) in ("Cc", "Cs") for character in told):
            raise ValidationError("Must not hold control characters or halves of characters.")
        return value.strip()


class Lines(Text):
    """Text that may have several lines."""

    allowed = "\n"


class Base64URL(fields.String):
    """Bytes in base64url without padding, of at most `most` characters."""

    def __init__(self, *, most: int, **kwargs: Any) -> None:
        metadata = {"pattern": "^[A-Za-z0-9_-]+$"}
        super().__init__(validate=validate.Length(1, most), metadata=metadata, **kwargs)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        is_text = isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_-]*", value) is not None
        if not is_text or len(value) % 4 == 1:
            raise ValidationError("Must be base64url without padding.")
        return str(value)


class Ignored(fields.Raw):
    """A field of the published contract that is accepted and dropped unread."""


class Timestamp(fields.DateTime):
    """A point in time. In: RFC 3339 with an offset, or Unix seconds. Out: RFC 3339 UTC with Z.

    What comes in lies between 2009 and tomorrow. `clock` gives Unix seconds.
    """

    ahead: ClassVar[timedelta] = timedelta(days=1)
    latest: ClassVar[str] = "tomorrow"

    def __init__(self, *, clock: Callable[[], float] = time.time, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.clock = clock

    def _serialize(self, value: datetime | None, *_: Any, **__: Any) -> str | None:
        return None if value is None else format_time(value)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> datetime:
        if isinstance(value, int) and not isinstance(value, bool):
            return self._from_unix(value)
        if isinstance(value, str) and RFC_3339.fullmatch(value):
            return self._in_range(_from_rfc_3339(value))
        raise ValidationError("Must be RFC 3339 with an offset, or whole Unix seconds.")

    def _from_unix(self, seconds: int) -> datetime:
        latest = self._latest()
        if seconds > latest.timestamp():
            raise ValidationError(f"Must not be later than {self.latest}; are these milliseconds?")
        if seconds < OLDEST_TIME.timestamp():
            raise ValidationError("Must not be earlier than 2009.")
        return datetime.fromtimestamp(seconds, UTC)

    def _in_range(self, moment: datetime) -> datetime:
        if not OLDEST_TIME <= moment <= self._latest():
            raise ValidationError(f"Must lie between 2009 and {self.latest}.")
        return moment

    def _latest(self) -> datetime:
        return datetime.fromtimestamp(self.clock(), UTC) + self.ahead


class QueryTime(Timestamp):
    """A point in time in a query, where Unix seconds are text."""

    def _deserialize(self, value: Any, *rest: Any, **options: Any) -> datetime:
        is_number = isinstance(value, str) and value.isascii() and value.isdigit()
        given = int(str(value)[:15]) if is_number else value
        return super()._deserialize(given, *rest, **options)


class FutureTimestamp(Timestamp):
    """A point in time that may be years ahead."""

    ahead = timedelta(days=3653)
    latest = "in ten years"


class NewSecret(fields.UUID):
    """A new token: there when it is made, and absent when an idempotent answer is repeated."""

    def __init__(self) -> None:
        super().__init__(metadata={"description": "Shown once: a repeated answer is without it."})


def _from_rfc_3339(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValidationError("Is not a date and time that exists.") from None


def format_time(moment: datetime) -> str:
    """Write a time with an offset as RFC 3339 UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
