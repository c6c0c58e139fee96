"""What JSON about webhooks and their deliveries looks like."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from marshmallow import ValidationError, fields, validate

from schemas.base import AnswerSchema, DeviceChoice, MessageAnswer, PageAnswer, PageQuery, Success
from schemas.event_names import NAMES
from schemas.events import DATA
from schemas.fields import Count, Flag, Text, Timestamp
from sessions.webhooks.values import GONE, NO_SUCCESS, DeliveryStatus, Failure, Webhook

LONGEST_URL = 2048
MOST_HEADERS = 20
HIDDEN = "***"
NAME_OF_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
VALUE_OF_HEADER = re.compile(r"[!-~]([ -~]{0,1022}[!-~])?")
# What the delivery itself decides on.
KEPT_HEADERS = re.compile(
    r"(host|content-.*|transfer-encoding|connection|keep-alive|te|trailer|upgrade|expect"
    r"|proxy-.*|user-agent|webhook-.*)",
    re.IGNORECASE,
)
NAMES_OF_EVENTS = {"type": "array", "items": {"type": "string", "enum": list(NAMES)}}


def pending_url() -> Text:
    """Make the field that says where the events of a user's next device go."""
    return Text(
        most=LONGEST_URL,
        metadata={"description": "Where the events of the next device go that the user links."},
    )


def check_headers(headers: Mapping[str, str]) -> None:
    """Refuse headers that are none, and those that a delivery has by itself."""
    if len(headers) > MOST_HEADERS:
        raise ValidationError(f"Must be at most {MOST_HEADERS}.")
    if len({name.lower() for name in headers}) < len(headers):
        raise ValidationError("Names a header twice.")
    if not all(NAME_OF_HEADER.fullmatch(name) for name in headers):
        raise ValidationError("Holds a name that no header can have.")
    if any(KEPT_HEADERS.fullmatch(name) for name in headers):
        raise ValidationError("Holds a header that the delivery itself decides on.")
    if not all(VALUE_OF_HEADER.fullmatch(value) for value in headers.values()):
        raise ValidationError("Values must be 1 to 1024 printable ASCII characters.")


class WebhookRequest(DeviceChoice):
    """Where events go. Later, what is absent stays as it is, and null makes it as usual again."""

    webhook_url = Text(
        most=LONGEST_URL,
        metadata={"description": "An https URL. Needed when there is no webhook yet."},
    )
    enabled_events = fields.List(
        fields.String(validate=validate.OneOf(NAMES)),
        validate=validate.Length(1, 2 * len(NAMES)),
        metadata={"description": "Which events. Needed when there is no webhook yet."},
    )
    enabled = Flag(
        allow_none=True, metadata={"description": "Usually true. true takes deliveries up again."}
    )
    retry_attempts = Count(
        0,
        20,
        allow_none=True,
        metadata={"description": "How often an event is sent again before it is given up. 3."},
    )
    timeout = Count(
        1, 30, allow_none=True, metadata={"description": "Seconds that an attempt may take. 10."}
    )
    secret = fields.String(
        allow_none=True,
        validate=validate.Regexp(
            re.compile(r"[ -~]{8,256}\Z"), error="Must be 8 to 256 printable ASCII characters."
        ),
        metadata={"description": "Signs deliveries, with its bytes as they are. Never shown."},
    )
    headers = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        allow_none=True,
        validate=check_headers,
        metadata={"description": "Further headers of deliveries. Their values are never shown."},
    )

    def _is_absent(self, name: str, value: object) -> bool:
        return value is None and name == "device_id"


class PendingWebhookRequest(DeviceChoice):
    """Where the events of the next device go that the caller links."""

    webhook_url = Text(
        required=True,
        allow_none=True,
        most=LONGEST_URL,
        metadata={"description": "An https URL; null: nowhere."},
    )


class WebhookView(AnswerSchema):
    """Where the events of a device go."""

    id = fields.UUID(required=True)
    webhook_url = fields.String(required=True, attribute="url")
    enabled_events = fields.Function(
        lambda webhook: names_of(webhook), required=True, metadata=NAMES_OF_EVENTS
    )
    not_emitted = fields.Function(
        lambda webhook: [name for name in names_of(webhook) if name not in DATA],
        required=True,
        metadata={**NAMES_OF_EVENTS, "description": "Those that never happen here."},
    )
    enabled = fields.Boolean(required=True)
    disabled_reason = fields.String(
        validate=validate.OneOf([GONE, NO_SUCCESS]),
        metadata={"description": "Why the service has disabled it, if it was the service."},
    )
    disabled_at = Timestamp()
    retry_attempts = fields.Integer(required=True)
    timeout = fields.Integer(required=True)
    signed = fields.Function(
        lambda webhook: webhook.secret is not None,
        required=True,
        metadata={"type": "boolean", "description": "Whether there is a secret."},
    )
    headers = fields.Function(
        lambda webhook: dict.fromkeys(webhook.headers, HIDDEN),
        required=True,
        metadata={"type": "object", "additionalProperties": {"type": "string", "enum": [HIDDEN]}},
    )
    created_at = Timestamp(required=True)
    updated_at = Timestamp(required=True)


def names_of(webhook: Webhook) -> Sequence[str]:
    """Return the names of the events that a webhook gets."""
    return NAMES if webhook.events is None else webhook.events


class WebhookAnswer(Success):
    """A webhook."""

    webhook = fields.Nested(WebhookView, required=True)


class ConfiguredAnswer(MessageAnswer):
    """The webhook as it is now."""

    webhook = fields.Nested(WebhookView, required=True)


class PendingWebhook(AnswerSchema):
    """What the next device gets."""

    webhook_url = fields.String(metadata={"description": "Absent: nothing."})
    available_events = fields.List(fields.String(), required=True)
    events_count = fields.Integer(required=True)


class PendingWebhookAnswer(MessageAnswer):
    """What the next device gets that the caller links."""

    data = fields.Nested(PendingWebhook, required=True)


class NamesAnswer(Success):
    """The names of events."""

    events = fields.List(fields.String(), required=True)
    emitted = fields.List(
        fields.String(), required=True, metadata={"description": "Those that can happen here."}
    )
    count = fields.Integer(required=True)


class TestAnswer(Success):
    """What became of the test."""

    delivered = fields.Boolean(required=True, attribute="is_success")
    http_status = fields.Integer(metadata={"description": "What the receiver has answered."})
    duration_ms = fields.Integer(required=True)
    error = fields.String(
        attribute="failure", validate=validate.OneOf([failure.value for failure in Failure])
    )


class DeliveriesQuery(PageQuery, DeviceChoice):
    """Which deliveries of a device."""

    status = fields.String(
        validate=validate.OneOf([status.value for status in DeliveryStatus]),
        metadata={"description": "Only these."},
    )
    event = fields.String(
        validate=validate.OneOf(list(DATA)), metadata={"description": "Only of this event."}
    )


class DeliveryView(AnswerSchema):
    """An event that was sent, and the outcome of the last attempt."""

    id = fields.UUID(required=True, metadata={"description": "The event's, on each attempt."})
    event = fields.String(required=True)
    sequence = fields.Integer(required=True)
    status = fields.String(
        required=True,
        validate=validate.OneOf([status.value for status in DeliveryStatus]),
        metadata={
            "description": "`waiting`: it is tried again, and what follows waits. `failed`: it was"
            " given up. `queued`: somebody has asked for it again."
        },
    )
    attempts = fields.Integer(required=True)
    attempted_at = Timestamp(required=True)
    duration_ms = fields.Integer(required=True, attribute="outcome.duration_ms")
    http_status = fields.Integer(attribute="outcome.http_status")
    error = fields.String(
        attribute="outcome.failure",
        validate=validate.OneOf([failure.value for failure in Failure]),
    )


class DeliveriesAnswer(PageAnswer):
    """The deliveries of the device, the one that was begun last first."""

    deliveries = fields.List(fields.Nested(DeliveryView), required=True)


class RetryAnswer(MessageAnswer):
    """What is sent again."""

    delivery = fields.Nested(DeliveryView, required=True)


class RetryAfterRequest(DeviceChoice):
    """The sequence that was received last."""

    after = Count(
        0, 999_999_999, required=True, metadata={"description": "0: from the oldest event kept."}
    )


class RetryAfterAnswer(MessageAnswer):
    """How much is sent again."""

    count = fields.Integer(required=True, metadata={"description": "Events that are to be sent."})
