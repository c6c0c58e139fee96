"""The one place where errors become the envelope of api.md §1."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import structlog
from flask import Flask, Response, jsonify
from werkzeug.exceptions import ClientDisconnected, HTTPException

from schemas.fields import format_time
from sessions import errors
from sessions.errors import CursorExpired, ErrorCode, InvalidInput, ServiceError

log = structlog.get_logger(__name__)

STATUSES: Mapping[ErrorCode, HTTPStatus] = {
    ErrorCode.VALIDATION_ERROR: HTTPStatus.BAD_REQUEST,
    ErrorCode.DEVICE_REQUIRED: HTTPStatus.BAD_REQUEST,
    ErrorCode.UNAUTHORIZED: HTTPStatus.UNAUTHORIZED,
    ErrorCode.FORBIDDEN: HTTPStatus.FORBIDDEN,
    ErrorCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
    ErrorCode.DEVICE_NOT_FOUND: HTTPStatus.NOT_FOUND,
    ErrorCode.CHAT_NOT_FOUND: HTTPStatus.NOT_FOUND,
    ErrorCode.CALL_NOT_FOUND: HTTPStatus.NOT_FOUND,
    ErrorCode.USER_NOT_FOUND: HTTPStatus.NOT_FOUND,
    ErrorCode.TENANT_NOT_FOUND: HTTPStatus.NOT_FOUND,
    ErrorCode.TOKEN_NOT_FOUND: HTTPStatus.NOT_FOUND,
    ErrorCode.WEBHOOK_NOT_FOUND: HTTPStatus.NOT_FOUND,
    ErrorCode.DELIVERY_NOT_FOUND: HTTPStatus.NOT_FOUND,
    ErrorCode.METHOD_NOT_ALLOWED: HTTPStatus.METHOD_NOT_ALLOWED,
    ErrorCode.REQUEST_TIMEOUT: HTTPStatus.REQUEST_TIMEOUT,
    ErrorCode.PAYLOAD_TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    ErrorCode.DEVICE_NOT_LINKED: HTTPStatus.CONFLICT,
    ErrorCode.DEVICE_ALREADY_LINKED: HTTPStatus.CONFLICT,
    ErrorCode.DEVICE_LOGGED_OUT: HTTPStatus.CONFLICT,
    ErrorCode.DEVICE_REPLACED: HTTPStatus.CONFLICT,
    ErrorCode.DEVICE_BANNED: HTTPStatus.CONFLICT,
    ErrorCode.CODE_NOT_SHOWN: HTTPStatus.CONFLICT,
    ErrorCode.CALL_ENDED: HTTPStatus.CONFLICT,
    ErrorCode.TENANT_EXISTS: HTTPStatus.CONFLICT,
    ErrorCode.USER_EXISTS: HTTPStatus.CONFLICT,
    ErrorCode.LAST_ADMIN: HTTPStatus.CONFLICT,
    ErrorCode.IDEMPOTENCY_MISMATCH: HTTPStatus.CONFLICT,
    ErrorCode.IDEMPOTENCY_IN_PROGRESS: HTTPStatus.CONFLICT,
    ErrorCode.APP_STATE_CONFLICT: HTTPStatus.CONFLICT,
    ErrorCode.CURSOR_EXPIRED: HTTPStatus.GONE,
    ErrorCode.RATE_LIMITED: HTTPStatus.TOO_MANY_REQUESTS,
    ErrorCode.DEVICE_BUSY: HTTPStatus.TOO_MANY_REQUESTS,
    ErrorCode.QUOTA_EXCEEDED: HTTPStatus.TOO_MANY_REQUESTS,
    ErrorCode.INTERNAL_ERROR: HTTPStatus.INTERNAL_SERVER_ERROR,
    ErrorCode.NOT_SUPPORTED: HTTPStatus.NOT_IMPLEMENTED,
    ErrorCode.DEVICE_ERROR: HTTPStatus.BAD_GATEWAY,
    ErrorCode.APP_STATE_BROKEN: HTTPStatus.BAD_GATEWAY,
    ErrorCode.DEVICE_NOT_READY: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorCode.DEVICE_OUTDATED: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorCode.APP_STATE_NOT_READY: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorCode.OVERLOADED: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorCode.STORAGE_UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorCode.SHUTTING_DOWN: HTTPStatus.SERVICE_UNAVAILABLE,
    ErrorCode.DEVICE_TIMEOUT: HTTPStatus.GATEWAY_TIMEOUT,
}

HTTP_ERRORS: Mapping[HTTPStatus, type[ServiceError]] = {
    HTTPStatus.NOT_FOUND: errors.NotFound,
    HTTPStatus.METHOD_NOT_ALLOWED: errors.MethodNotAllowed,
    HTTPStatus.REQUEST_TIMEOUT: errors.RequestTimeout,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: errors.PayloadTooLarge,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: errors.UnsupportedMediaType,
}


def build_envelope(error: ServiceError, *, now: datetime | None = None) -> dict[str, Any]:
    """Build the body of an error's answer."""
    envelope: dict[str, Any] = {
        "success": False,
        "error": error.message,
        "error_code": error.code.value,
        "timestamp": format_time(now or datetime.now(UTC)),
    }
    if isinstance(error, InvalidInput) and error.problems:
        envelope["validation"] = [
            {"field": problem.field, "message": problem.message} for problem in error.problems
        ]
    if isinstance(error, CursorExpired) and error.oldest is not None:
        envelope.update(oldest=error.oldest, latest=error.latest)
    return envelope


def build_headers(error: ServiceError) -> dict[str, str]:
    """Build the headers of an error's answer: when to repeat, how to authenticate."""
    headers: dict[str, str] = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    if error.code is ErrorCode.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="WUTS"'
    return headers


def answer_service_error(error: ServiceError, **details: object) -> Response:
    """Answer an error of the domain. The request's line in the log names its code, too."""
    structlog.contextvars.bind_contextvars(error_code=error.code.value)
    response = jsonify({**build_envelope(error), **details})
    response.status_code = STATUSES[error.code]
    response.headers.update(build_headers(error))
    return response


def answer_http_error(error: HTTPException) -> Response:
    """Answer an error of the framework; its `Allow` and `Retry-After` are kept."""
    response = answer_service_error(_from_http_error(error))
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response


def _from_http_error(error: HTTPException) -> ServiceError:
    if isinstance(error, ClientDisconnected):
        return errors.RequestTimeout()
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    if status in HTTP_ERRORS:
        return HTTP_ERRORS[HTTPStatus(status)]()
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return InvalidInput(())
    log.error("request_failed", exc_info=error)
    return errors.InternalError()


def answer_unexpected_error(error: Exception) -> Response:
    """Answer a defect. The log says where it is, and never with which values."""
    log.error("request_failed", exc_info=error)
    return answer_service_error(errors.InternalError())


def register_error_handlers(app: Flask) -> None:
    """Let every error of every route pass through this module."""
    app.register_error_handler(ServiceError, answer_service_error)
    app.register_error_handler(HTTPException, answer_http_error)
    app.register_error_handler(Exception, answer_unexpected_error)
