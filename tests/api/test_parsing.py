"""Bodies and queries before a schema sees them."""

from __future__ import annotations

from typing import Any

import pytest

from app.parsing import chosen_device, list_problems, read_json
from sessions.errors import InvalidInput, Problem


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"archived": tru',
        b'{"a": 1, "a": 2}',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": "\xff"}',
        b'\xef\xbb\xbf{"a": 1}',
        b"[" * 100_000,
        b"1" * 100_000,
        '{"a": 1}'.encode("utf-16"),
    ],
)
def test_broken_json(body: bytes) -> None:
    """Whatever is not one JSON value in UTF-8, each name once, is one problem of the body."""
    with pytest.raises(InvalidInput) as raised:
        read_json(body)
    assert [problem.field for problem in raised.value.problems] == ["body"]


def test_problems_are_named_by_their_place() -> None:
    """Nested complaints become dotted and numbered names; those of the whole name its place."""
    messages: dict[str, Any] = {
        "json": {"chat_jids": {3: ["bad"]}, "reply": {"text": ["long"]}, "_schema": ["no object"]},
        "query": {"wait": ["bad"]},
    }
    assert list_problems(messages) == [
        Problem("chat_jids[3]", "bad"),
        Problem("reply.text", "long"),
        Problem("body", "no object"),
        Problem("wait", "bad"),
    ]


def test_problems_are_few_and_short() -> None:
    """Unknown names are the client's: few are repeated, and none at length."""
    unknown = {"x" * 100_000 + str(number): ["Unknown field."] for number in range(1000)}
    problems = list_problems({"json": unknown})
    assert problems == [Problem("x" * 100, "Unknown field.")] * 20


def test_one_device() -> None:
    """Query and body may both name the device, in any case, but not different ones."""
    assert chosen_device({}, {}) is None
    assert chosen_device({"device_id": "a"}, {}) == "a"
    assert chosen_device({"device_id": "a"}, {"device_id": "A"}) == "a"
    with pytest.raises(InvalidInput):
        chosen_device({"device_id": "a"}, {"device_id": "b"})
