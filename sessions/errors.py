"""The domain's errors, free of HTTP. `app/errors.py` turns each code into a status."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar


class ErrorCode(StrEnum):
    """Every `error_code` that an answer can carry."""

    VALIDATION_ERROR = "VALIDATION_ERROR"
    DEVICE_REQUIRED = "DEVICE_REQUIRED"
    UNAUTHORIZED = "UNAUTHORIZED"
    FORBIDDEN = "FORBIDDEN"
    NOT_FOUND = "NOT_FOUND"
    DEVICE_NOT_FOUND = "DEVICE_NOT_FOUND"
    CHAT_NOT_FOUND = "CHAT_NOT_FOUND"
    CALL_NOT_FOUND = "CALL_NOT_FOUND"
    USER_NOT_FOUND = "USER_NOT_FOUND"
    TENANT_NOT_FOUND = "TENANT_NOT_FOUND"
    TOKEN_NOT_FOUND = "TOKEN_NOT_FOUND"  # noqa: S105 - the name of an error
    WEBHOOK_NOT_FOUND = "WEBHOOK_NOT_FOUND"
    DELIVERY_NOT_FOUND = "DELIVERY_NOT_FOUND"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    REQUEST_TIMEOUT = "REQUEST_TIMEOUT"
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    DEVICE_NOT_LINKED = "DEVICE_NOT_LINKED"
    DEVICE_ALREADY_LINKED = "DEVICE_ALREADY_LINKED"
    DEVICE_LOGGED_OUT = "DEVICE_LOGGED_OUT"
    DEVICE_REPLACED = "DEVICE_REPLACED"
    DEVICE_BANNED = "DEVICE_BANNED"
    CODE_NOT_SHOWN = "CODE_NOT_SHOWN"
    CALL_ENDED = "CALL_ENDED"
    TENANT_EXISTS = "TENANT_EXISTS"
    USER_EXISTS = "USER_EXISTS"
    LAST_ADMIN = "LAST_ADMIN"
    IDEMPOTENCY_MISMATCH = "IDEMPOTENCY_MISMATCH"
    IDEMPOTENCY_IN_PROGRESS = "IDEMPOTENCY_IN_PROGRESS"
    APP_STATE_CONFLICT = "APP_STATE_CONFLICT"
    CURSOR_EXPIRED = "CURSOR_EXPIRED"
    RATE_LIMITED = "RATE_LIMITED"
    DEVICE_BUSY = "DEVICE_BUSY"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    INTERNAL_ERROR = "INTERNAL_ERROR"
    NOT_SUPPORTED = "NOT_SUPPORTED"
    DEVICE_ERROR = "DEVICE_ERROR"
    APP_STATE_BROKEN = "APP_STATE_BROKEN"
    DEVICE_NOT_READY = "DEVICE_NOT_READY"
    DEVICE_OUTDATED = "DEVICE_OUTDATED"
    APP_STATE_NOT_READY = "APP_STATE_NOT_READY"
    OVERLOADED = "OVERLOADED"
    STORAGE_UNAVAILABLE = "STORAGE_UNAVAILABLE"
    SHUTTING_DOWN = "SHUTTING_DOWN"
    DEVICE_TIMEOUT = "DEVICE_TIMEOUT"


@dataclass(frozen=True, slots=True)
class Problem:
    """One field of the input that is wrong. The rejected value is not repeated."""

    field: str
    message: str


class ServiceError(Exception):
    """An outcome other than success.

    `message` is for people and holds no secret. `retry_after` (seconds) is set exactly when
    repeating the same request makes sense.
    """

    code: ClassVar[ErrorCode]
    default_message: ClassVar[str]
    default_retry_after: ClassVar[float | None] = None

    def __init__(self, message: str | None = None, *, retry_after: float | None = None) -> None:
        self.message = message or self.default_message
        self.retry_after = self.default_retry_after if retry_after is None else retry_after
        super().__init__(self.message)

    def copy(self) -> ServiceError:
        """Return an equal error that has not been raised, for another thread to raise."""
        return type(self)(self.message, retry_after=self.retry_after)


class InvalidInput(ServiceError):
    """The request's input is wrong; `problems` names each field."""

    code = ErrorCode.VALIDATION_ERROR
    default_message = "validation failed"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__()
        self.problems = tuple(problems)

    def copy(self) -> InvalidInput:
        """Return an equal error that has not been raised."""
        return InvalidInput(self.problems)


class DeviceRequired(ServiceError):
    code = ErrorCode.DEVICE_REQUIRED
    default_message = "you have several devices: name one with device_id"


class Unauthorized(ServiceError):
    code = ErrorCode.UNAUTHORIZED
    default_message = "a valid token is needed"


class Forbidden(ServiceError):
    code = ErrorCode.FORBIDDEN
    default_message = "this token may not do that"


class NotFound(ServiceError):
    code = ErrorCode.NOT_FOUND
    default_message = "not found"


class DeviceNotFound(ServiceError):
    code = ErrorCode.DEVICE_NOT_FOUND
    default_message = "no such device"


class ChatNotFound(ServiceError):
    code = ErrorCode.CHAT_NOT_FOUND
    default_message = "no such chat"


class CallNotFound(ServiceError):
    code = ErrorCode.CALL_NOT_FOUND
    default_message = "no such call"


class UserNotFound(ServiceError):
    code = ErrorCode.USER_NOT_FOUND
    default_message = "no such user"


class TenantNotFound(ServiceError):
    code = ErrorCode.TENANT_NOT_FOUND
    default_message = "no such tenant"


class TokenNotFound(ServiceError):
    code = ErrorCode.TOKEN_NOT_FOUND
    default_message = "no such token"


class WebhookNotFound(ServiceError):
    code = ErrorCode.WEBHOOK_NOT_FOUND
    default_message = "no such webhook"


class DeliveryNotFound(ServiceError):
    code = ErrorCode.DELIVERY_NOT_FOUND
    default_message = "no such delivery"


class MethodNotAllowed(ServiceError):
    code = ErrorCode.METHOD_NOT_ALLOWED
    default_message = "this path does not know that method"


class RequestTimeout(ServiceError):
    code = ErrorCode.REQUEST_TIMEOUT
    default_message = "the request did not arrive in time"


class PayloadTooLarge(ServiceError):
    code = ErrorCode.PAYLOAD_TOO_LARGE
    default_message = "the request body is too large"


class UnsupportedMediaType(ServiceError):
    code = ErrorCode.UNSUPPORTED_MEDIA_TYPE
    default_message = "the request body must be JSON"


class DeviceNotLinked(ServiceError):
    code = ErrorCode.DEVICE_NOT_LINKED
    default_message = "the device is not linked to an account: GET /qr links it"


class DeviceAlreadyLinked(ServiceError):
    code = ErrorCode.DEVICE_ALREADY_LINKED
    default_message = "the device is already linked to an account"


class DeviceLoggedOut(ServiceError):
    code = ErrorCode.DEVICE_LOGGED_OUT
    default_message = "the account has removed this device: link it again"


class DeviceReplaced(ServiceError):
    code = ErrorCode.DEVICE_REPLACED
    default_message = "another connection with the keys of this device has replaced it"


class DeviceBanned(ServiceError):
    code = ErrorCode.DEVICE_BANNED
    default_message = "WhatsApp has banned the account of this device"


class CodeNotShown(ServiceError):
    code = ErrorCode.CODE_NOT_SHOWN
    default_message = "the phone shows no code yet, so there is nothing to confirm"


class CallEnded(ServiceError):
    code = ErrorCode.CALL_ENDED
    default_message = "the call is already over"


class TenantExists(ServiceError):
    code = ErrorCode.TENANT_EXISTS
    default_message = "a tenant of that name exists"


class UserExists(ServiceError):
    code = ErrorCode.USER_EXISTS
    default_message = "a user with that e-mail address exists"


class LastAdmin(ServiceError):
    code = ErrorCode.LAST_ADMIN
    default_message = "the last admin of a tenant can't go"


class IdempotencyMismatch(ServiceError):
    code = ErrorCode.IDEMPOTENCY_MISMATCH
    default_message = "that idempotency key belongs to a different request"


class IdempotencyInProgress(ServiceError):
    code = ErrorCode.IDEMPOTENCY_IN_PROGRESS
    default_message = "a request with that idempotency key is still running"
    default_retry_after = 1.0


class AppStateConflict(ServiceError):
    code = ErrorCode.APP_STATE_CONFLICT
    default_message = "another device of the account keeps changing the same settings"
    default_retry_after = 1.0


class CursorExpired(ServiceError):
    """A position is no longer kept; in the event log, `oldest` and `latest` say what is."""

    code = ErrorCode.CURSOR_EXPIRED
    default_message = "that position is no longer kept"

    def __init__(
        self,
        message: str | None = None,
        *,
        retry_after: float | None = None,
        oldest: int | None = None,
        latest: int | None = None,
    ) -> None:
        super().__init__(message, retry_after=retry_after)
        self.oldest = oldest
        self.latest = latest


class RateLimited(ServiceError):
    code = ErrorCode.RATE_LIMITED
    default_message = "too many requests"
    default_retry_after = 1.0


class DeviceBusy(ServiceError):
    code = ErrorCode.DEVICE_BUSY
    default_message = "too many requests are waiting for this device"
    default_retry_after = 2.0


class QuotaExceeded(ServiceError):
    """A limit is reached; the message names it, `retry_after` is set where waiting helps."""

    code = ErrorCode.QUOTA_EXCEEDED
    default_message = "a quota is exhausted"


class InternalError(ServiceError):
    code = ErrorCode.INTERNAL_ERROR
    default_message = "internal error"


class NotSupported(ServiceError):
    code = ErrorCode.NOT_SUPPORTED
    default_message = "this operation is not supported"


class DeviceError(ServiceError):
    code = ErrorCode.DEVICE_ERROR
    default_message = "WhatsApp refused the request"


class AppStateBroken(ServiceError):
    code = ErrorCode.APP_STATE_BROKEN
    default_message = (
        "the settings of this account can't be synchronised with WhatsApp: POST /appstate/sync"
        ' with "full" may mend them'
    )


class DeviceNotReady(ServiceError):
    code = ErrorCode.DEVICE_NOT_READY
    default_message = "the device is not connected"
    default_retry_after = 5.0


class DeviceOutdated(ServiceError):
    code = ErrorCode.DEVICE_OUTDATED
    default_message = "WhatsApp refuses this version of the client: an update is needed"
    default_retry_after = 3600.0


class AppStateNotReady(ServiceError):
    code = ErrorCode.APP_STATE_NOT_READY
    default_message = "the account's phone has not sent the keys or its copy of the settings yet"
    default_retry_after = 5.0


class Overloaded(ServiceError):
    code = ErrorCode.OVERLOADED
    default_message = "too many requests are running"
    default_retry_after = 1.0


class StorageUnavailable(ServiceError):
    code = ErrorCode.STORAGE_UNAVAILABLE
    default_message = "the storage did not answer in time"
    default_retry_after = 2.0


class ShuttingDown(ServiceError):
    code = ErrorCode.SHUTTING_DOWN
    default_message = "the service is stopping"
    default_retry_after = 5.0


class DeviceTimeout(ServiceError):
    code = ErrorCode.DEVICE_TIMEOUT
    default_message = "no outcome in time; it is unknown, and repeating is safe"
    default_retry_after = 1.0
