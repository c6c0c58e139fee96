"""A test client that holds every answer against the OpenAPI document."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from flask.testing import FlaskClient
from jsonschema import Draft202012Validator, FormatChecker
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from app.openapi import build_document
from app.requests import REQUEST_ID
from sessions.errors import ErrorCode

EVERYWHERE = {ErrorCode.NOT_FOUND, ErrorCode.METHOD_NOT_ALLOWED, ErrorCode.REQUEST_TIMEOUT}
REPEATABLE = {
    ErrorCode.IDEMPOTENCY_IN_PROGRESS,
    ErrorCode.APP_STATE_CONFLICT,
    ErrorCode.RATE_LIMITED,
    ErrorCode.DEVICE_BUSY,
    ErrorCode.DEVICE_NOT_READY,
    ErrorCode.DEVICE_OUTDATED,
    ErrorCode.APP_STATE_NOT_READY,
    ErrorCode.OVERLOADED,
    ErrorCode.STORAGE_UNAVAILABLE,
    ErrorCode.SHUTTING_DOWN,
    ErrorCode.DEVICE_TIMEOUT,
}
"""The codes that the API promises Retry-After for, whoever raises them."""


@cache
def document() -> dict[str, Any]:
    """Return the OpenAPI document."""
    return build_document()


def answered_codes() -> set[ErrorCode]:
    """Return the codes that answers can carry: an operation's, and those of any path at all."""
    text = str(document()["paths"])
    return EVERYWHERE | {code for code in ErrorCode if re.search(rf"\b{code}\b", text)}


class CheckedClient(FlaskClient):
    """A client whose every answer must be documented, and look as documented."""

    def open(self, *args: Any, **options: Any) -> TestResponse:
        """Send a request and check its answer."""
        response = super().open(*args, **options)
        check_headers(response)
        if response.status_code >= 400 and response.request.method != "HEAD":
            check_schema(response, {"$ref": "#/components/schemas/Error"}, closed=False)
        operation = self._operation(response)
        if operation is not None and response.status_code != 405:
            check_documented(response, operation)
        return response

    def _operation(self, response: TestResponse) -> dict[str, Any] | None:
        path = response.request.environ["PATH_INFO"]
        adapter = self.application.url_map.bind("localhost")
        try:
            rule, _ = adapter.match(path, method=response.request.method, return_rule=True)
        except HTTPException:
            return None
        if path.startswith("//"):
            return None
        template = re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", rule.rule)
        methods = document()["paths"].get(template, {})
        found: dict[str, Any] | None = methods.get(response.request.method.lower())
        return found


def check_headers(response: TestResponse) -> None:
    """Every answer has an id, and is never kept by a cache."""
    assert REQUEST_ID.fullmatch(response.headers["X-Request-Id"])
    assert response.headers["Cache-Control"] == "no-store"
    assert "Location" not in response.headers


def check_documented(response: TestResponse, operation: dict[str, Any]) -> None:
    """The status is documented, and so are the content's type and shape."""
    documented = operation["responses"]
    assert str(response.status_code) in documented, response.text
    content = documented[str(response.status_code)]["content"]
    assert response.mimetype in content
    if response.mimetype != "application/json":
        return
    check_schema(response, content["application/json"]["schema"])
    if response.status_code >= 400 and "examples" in content["application/json"]:
        assert response.get_json()["error_code"] in content["application/json"]["examples"]


def check_schema(response: TestResponse, schema: dict[str, Any], *, closed: bool = True) -> None:
    """The JSON of the answer fits the schema; if not closed, further members are allowed."""
    components = document()["components"]
    body = response.get_json()
    if not closed:
        known = components["schemas"]["Error"]["properties"]
        body = {name: value for name, value in body.items() if name in known}
    whole = {**schema, "components": components}
    Draft202012Validator(whole, format_checker=FormatChecker()).validate(body)
