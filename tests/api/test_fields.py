"""Strict fields."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from marshmallow import Schema, ValidationError, fields

from schemas.base import RequestSchema
from schemas.fields import Flag, QueryFlag, Seconds, Text, Timestamp

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)


class Sample(RequestSchema):
    """One field of each kind."""

    flag = Flag()
    word = QueryFlag()
    wait = Seconds(25)
    name = Text(most=5)
    at = Timestamp(clock=NOW.timestamp)
    needed = fields.Integer(required=False)


def load(**given: Any) -> dict[str, Any]:
    """Load one sample."""
    loaded: dict[str, Any] = Sample().load(given)
    return loaded


@pytest.mark.parametrize("value", ["yes", "true", 1, 0, 1.0, [], {}, "1"])
def test_flag_is_a_json_boolean(value: object) -> None:
    """What merely looks like a boolean is refused."""
    assert load(flag=True) == {"flag": True}
    with pytest.raises(ValidationError, match="Not a valid boolean"):
        load(flag=value)


@pytest.mark.parametrize("value", ["yes", "1", "TRUE", ""])
def test_query_flag_is_a_word(value: str) -> None:
    """In a query only the words true and false count."""
    assert load(word="true") == {"word": True}
    assert load(word="false") == {"word": False}
    with pytest.raises(ValidationError, match="true or false"):
        load(word=value)


@pytest.mark.parametrize("value", ["26", "-1", "1.5", "x", "", "٣", "1" * 5000])
def test_seconds_are_bounded(value: str) -> None:
    """A wait is a whole number up to its bound."""
    assert load(wait="25") == {"wait": 25}
    with pytest.raises(ValidationError):
        load(wait=value)


@pytest.mark.parametrize("value", ["", "   ", "123456", "a\x00b", "a\nb", "\ud800", 5, None, True])
def test_text_can_be_stored_and_shown(value: object) -> None:
    """Empty or too long text, control characters and half characters are refused."""
    assert load(name=" ab ") == {"name": "ab"}
    if value is None:
        assert load(name=value) == {}
        return
    with pytest.raises(ValidationError):
        load(name=value)


@pytest.mark.parametrize(
    ("given", "moment"),
    [
        (1_781_524_800, NOW),
        ("2026-06-15T12:00:00Z", NOW),
        ("2026-06-15t14:00:00+02:00", NOW),
        ("2026-06-15T12:00:00.250Z", NOW + timedelta(milliseconds=250)),
        ("2026-06-16T11:59:59Z", NOW + timedelta(days=1, seconds=-1)),
        (1_230_768_000, datetime(2009, 1, 1, tzinfo=UTC)),
    ],
)
def test_times_that_are_understood(given: object, moment: datetime) -> None:
    """RFC 3339 with an offset and whole Unix seconds are the same time in UTC."""
    assert load(at=given) == {"at": moment}


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (1_781_524_800_000, "milliseconds"),
        (1_230_767_999, "2009"),
        (-1, "2009"),
        (10**30, "milliseconds"),
        (True, "RFC 3339"),
        (1_781_524_800.0, "RFC 3339"),
        ("1781524800", "RFC 3339"),
        ("2026-06-15T12:00:00", "RFC 3339"),
        ("2026-06-15", "RFC 3339"),
        ("20260615T120000Z", "RFC 3339"),
        ("2026-02-30T12:00:00Z", "exists"),
        ("2026-06-15T12:00:60Z", "exists"),
        ("0001-01-01T00:00:00+23:59", "exists"),
        ("2026-06-17T12:00:00Z", "tomorrow"),
        ("2008-12-31T23:59:59Z", "2009"),
        ({}, "RFC 3339"),
    ],
)
def test_times_that_are_refused(given: object, complaint: str) -> None:
    """Whatever is ambiguous or outside 2009 to tomorrow is refused, with a hint."""
    with pytest.raises(ValidationError, match=complaint):
        load(at=given)


def test_times_go_out_in_utc() -> None:
    """An answer's time is UTC with Z, to the second."""
    moment = datetime(2026, 6, 15, 14, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=2)))

    class Answer(Schema):
        at = Timestamp()

    assert Answer().dump({"at": moment}) == {"at": "2026-06-15T12:00:00Z"}
    assert Answer().dump({"at": None}) == {"at": None}


def test_null_is_absent_and_unknown_is_refused() -> None:
    """A null on an optional field counts as not given; a field nobody knows is refused."""
    assert load(flag=None, at=None) == {}
    with pytest.raises(ValidationError, match="Unknown field"):
        load(other=None)
