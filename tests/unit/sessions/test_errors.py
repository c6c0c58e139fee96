"""The tree of errors."""

from __future__ import annotations

from collections import Counter

import pytest

from sessions import errors
from sessions.errors import ErrorCode, InvalidInput, Problem, ServiceError
from tests.support.contract import REPEATABLE

CLASSES = ServiceError.__subclasses__()


def test_every_code_has_one_class() -> None:
    """Each error code belongs to exactly one exception."""
    assert Counter(error.code for error in CLASSES) == Counter(ErrorCode)


@pytest.mark.parametrize("code", ErrorCode)
def test_a_class_is_named_like_its_code(code: ErrorCode) -> None:
    """The class is the words of its code; input that is wrong has a name of its own."""
    error = next(error for error in CLASSES if error.code is code)
    expected = "invalidinput" if code is ErrorCode.VALIDATION_ERROR else code.replace("_", "")
    assert error.__name__.lower() == expected.lower()


def test_retry_after_is_set_where_repeating_helps() -> None:
    """The API promises Retry-After for these, whoever raises them."""
    always = {error.code for error in CLASSES if error.default_retry_after is not None}
    assert always == REPEATABLE


def test_a_quota_may_be_one_that_waiting_frees() -> None:
    """Retry-After can be given to an error whose class has none."""
    assert errors.QuotaExceeded("3 devices").retry_after is None
    assert errors.QuotaExceeded("3 pairings", retry_after=30).retry_after == 30


def test_a_copy_is_equal_and_apart() -> None:
    """Each waiting thread raises an error of its own with the same content."""
    error = errors.DeviceError("refused", retry_after=7)
    copy = error.copy()
    assert copy is not error
    assert (type(copy), copy.message, copy.retry_after) == (errors.DeviceError, "refused", 7)
    problems = [Problem("name", "too long")]
    assert list(InvalidInput(problems).copy().problems) == problems
