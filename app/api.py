"""flask-smorest, set up for this API: its blueprints, its document, its answers' headers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import flask_smorest
from flask import Flask, Response
from marshmallow import Schema
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Rule

from app.errors import STATUSES, answer_http_error, build_envelope
from app.parsing import RequestParser
from schemas.errors import Error
from schemas.events import DATA
from sessions.errors import ErrorCode, InvalidInput, Problem, ServiceError

ERROR = Error()
EXAMPLE_TIME = datetime(2026, 6, 15, 12, tzinfo=UTC)
ERRORS: dict[ErrorCode, type[ServiceError]] = {
    error.code: error for error in ServiceError.__subclasses__()
}
ALWAYS = (ErrorCode.INTERNAL_ERROR, ErrorCode.STORAGE_UNAVAILABLE, ErrorCode.SHUTTING_DOWN)
TOKEN = (ErrorCode.UNAUTHORIZED, ErrorCode.FORBIDDEN, ErrorCode.RATE_LIMITED)
BODY = (
    ErrorCode.VALIDATION_ERROR,
    ErrorCode.REQUEST_TIMEOUT,
    ErrorCode.PAYLOAD_TOO_LARGE,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE,
)
KEYED = (
    ErrorCode.VALIDATION_ERROR,
    ErrorCode.IDEMPOTENCY_MISMATCH,
    ErrorCode.IDEMPOTENCY_IN_PROGRESS,
)
DEVICE = (ErrorCode.DEVICE_REQUIRED, ErrorCode.DEVICE_NOT_FOUND)
LINK = (
    ErrorCode.DEVICE_NOT_LINKED,
    ErrorCode.DEVICE_LOGGED_OUT,
    ErrorCode.DEVICE_REPLACED,
    ErrorCode.DEVICE_BANNED,
    ErrorCode.DEVICE_NOT_READY,
    ErrorCode.DEVICE_OUTDATED,
)
COMMAND = (
    ErrorCode.OVERLOADED,
    ErrorCode.DEVICE_BUSY,
    ErrorCode.DEVICE_ERROR,
    ErrorCode.DEVICE_TIMEOUT,
)
APP_STATE = (
    ErrorCode.APP_STATE_NOT_READY,
    ErrorCode.APP_STATE_BROKEN,
    ErrorCode.APP_STATE_CONFLICT,
)
SECURITY_SCHEMES = {
    "token": "The token of a user, as shown once when it was made. A restricted one needs the scope"
    " that the operation names; where none is named it is refused.",
    "master_token": "The platform's token, for making tenants.",
}
DESCRIPTION = """Controls the chat state and the calls of WhatsApp accounts through linked devices.

Every error has the same envelope; repeat a request exactly when the answer has `Retry-After`.
Times are RFC 3339 in UTC. Every answer carries `X-Request-Id`."""


class HeadlessRule(Rule):
    """A rule that may refuse HEAD (`head=False`), which Flask else adds to every GET."""

    def __init__(self, *args: Any, head: bool = True, **options: Any) -> None:
        super().__init__(*args, **options)
        if not head and self.methods is not None:
            self.methods.discard("HEAD")


class Blueprint(flask_smorest.Blueprint):
    """A noun's routes. `errors` documents what an operation may answer besides success."""

    ARGUMENTS_PARSER = RequestParser()

    def arguments(self, schema: type[Schema], **options: Any) -> Callable[[Any], Any]:
        """Parse with one instance of the schema; made at every request it costs a tenth of it."""
        decorate: Callable[[Any], Any] = super().arguments(schema(), **options)
        return decorate

    def errors(self, *codes: ErrorCode) -> Callable[[Any], Any]:
        """Document errors with an example each, besides those that every operation can give."""
        told = tuple(dict.fromkeys((*ALWAYS, *codes)))

        def decorate(view: Any) -> Any:
            # All at once, and around nothing: alt_response wraps the view and copies the document.
            document = view._apidoc = deepcopy(view._apidoc)
            answers = document.setdefault("response", {}).setdefault("responses", {})
            for status in sorted({STATUSES[code] for code in told}):
                members = [code for code in told if STATUSES[code] is status]
                answers.setdefault(int(status), []).append(_describe(members))
            return view

        return decorate


def build_example(code: ErrorCode) -> dict[str, Any]:
    """Build the example of an error's answer."""
    error = _example_error(code)
    return {"summary": error.message, "value": build_envelope(error, now=EXAMPLE_TIME)}


def _example_error(code: ErrorCode) -> ServiceError:
    if code is ErrorCode.VALIDATION_ERROR:
        return InvalidInput([Problem("archived", "Missing data for required field.")])
    return ERRORS[code]()


def _describe(codes: Sequence[ErrorCode]) -> dict[str, Any]:
    document = {
        "schema": ERROR,
        "description": ", ".join(codes),
        "examples": {code.value: build_example(code) for code in codes},
        "content_type": None,
    }
    headers = _describe_headers(codes)
    return {**document, "headers": headers} if headers else document


def _describe_headers(codes: Iterable[ErrorCode]) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if any(ERRORS[code].default_retry_after is not None for code in codes):
        headers["Retry-After"] = {
            "description": "Repeat the request exactly, after this many seconds.",
            "schema": {"type": "integer", "minimum": 1},
        }
    if ErrorCode.UNAUTHORIZED in codes:
        headers["WWW-Authenticate"] = {"schema": {"type": "string"}}
    return headers


class Api(flask_smorest.Api):
    """The API's document, and its errors in the one envelope."""

    ERROR_SCHEMA = Error
    DEFAULT_ERROR_RESPONSE_NAME = None

    def handle_http_exception(self, error: HTTPException) -> Response:
        """Answer an error of the framework."""
        return answer_http_error(error)


def build_api(app: Flask, blueprints: Iterable[Blueprint]) -> Api:
    """Register the blueprints with an application and with its OpenAPI document."""
    app.config.update(API_TITLE="WUTS", API_VERSION="1", OPENAPI_VERSION="3.1.0")
    api = Api(app, spec_kwargs={"info": {"description": DESCRIPTION}, "servers": [{"url": "/"}]})
    for name, description in SECURITY_SCHEMES.items():
        scheme = {"type": "http", "scheme": "bearer", "description": description}
        api.spec.components.security_scheme(name, scheme)
    for schema in dict.fromkeys(DATA.values()):
        api.spec.components.schema(schema.__name__, schema=schema)
    for blueprint in blueprints:
        api.register_blueprint(blueprint)
    api.spec.components.schemas.pop("PaginationMetadata", None)
    return api
