"""One table, one envelope."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from flask import Flask
from werkzeug.exceptions import (
    BadRequest,
    ClientDisconnected,
    ImATeapot,
    MethodNotAllowed,
    ServiceUnavailable,
)

from app.api import ERRORS
from app.errors import STATUSES, register_error_handlers
from sessions.errors import ErrorCode, InvalidInput, Problem, ServiceError

CODES_IN_ORDER = [*ErrorCode]


def answer(error: Exception) -> tuple[int, dict[str, object], dict[str, str]]:
    """Answer a request whose view raises the error."""
    app = Flask("sample", static_folder=None)
    register_error_handlers(app)

    @app.get("/")
    def view() -> str:
        raise error

    response = app.test_client().get("/")
    return response.status_code, response.get_json(), dict(response.headers)


def make(code: ErrorCode) -> ServiceError:
    """Make an error of a code."""
    if code is ErrorCode.VALIDATION_ERROR:
        return InvalidInput([Problem("archived", "bad")])
    return ERRORS[code]()


def test_every_code_has_a_status_and_a_class() -> None:
    """No code is without an HTTP status, and none without an error that carries it."""
    assert set(STATUSES) == set(ErrorCode)
    assert set(ERRORS) == set(ErrorCode)


@pytest.mark.parametrize("code", CODES_IN_ORDER)
def test_envelope_of_every_code(code: ErrorCode) -> None:
    """Every error of the domain becomes its status with the four members, and no others."""
    status, envelope, _ = answer(make(code))
    assert status == STATUSES[code]
    assert envelope["success"] is False
    assert envelope["error_code"] == code
    extra = {"validation"} if code is ErrorCode.VALIDATION_ERROR else set()
    assert set(envelope) == {"success", "error", "error_code", "timestamp"} | extra


@pytest.mark.parametrize("code", CODES_IN_ORDER)
def test_retry_after_where_repeating_helps(code: ErrorCode) -> None:
    """Every 503 and 504, and every conflict that passes, says when to repeat."""
    status, _, headers = answer(make(code))
    passing = {
        ErrorCode.IDEMPOTENCY_IN_PROGRESS,
        ErrorCode.APP_STATE_CONFLICT,
        ErrorCode.RATE_LIMITED,
        ErrorCode.DEVICE_BUSY,
    }
    expected = status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)
    assert ("Retry-After" in headers) is (expected or code in passing)


def test_retry_after_is_whole_seconds() -> None:
    """Fractions are rounded up, and zero becomes one."""
    for given, told in ((0.0, "1"), (1.2, "2")):
        _, _, headers = answer(ERRORS[ErrorCode.DEVICE_BUSY](retry_after=given))
        assert headers["Retry-After"] == told


def test_unauthorized_says_how() -> None:
    """401 names the scheme."""
    _, _, headers = answer(ERRORS[ErrorCode.UNAUTHORIZED]())
    assert headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (BadRequest(), 400, "VALIDATION_ERROR"),
        (ClientDisconnected(), 408, "REQUEST_TIMEOUT"),
        (ImATeapot(), 400, "VALIDATION_ERROR"),
        (ServiceUnavailable(), 500, "INTERNAL_ERROR"),
        (ValueError("a secret"), 500, "INTERNAL_ERROR"),
    ],
)
def test_errors_of_the_framework(error: Exception, status: int, code: str) -> None:
    """Errors of Flask and defects get the same envelope, without their text."""
    found, envelope, _ = answer(error)
    assert (found, envelope["error_code"]) == (status, code)
    assert "secret" not in str(envelope)


def test_allow_is_kept() -> None:
    """405 keeps the header that names the methods."""
    _, _, headers = answer(MethodNotAllowed(valid_methods=["GET", "POST"]))
    assert headers["Allow"] == "GET, POST"
