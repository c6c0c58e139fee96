"""What JSON about chats looks like."""

from __future__ import annotations

from marshmallow import fields, validate

from schemas.base import AnswerSchema, DeviceChoice, Success
from schemas.fields import Count, Flag, Text, Timestamp

MOST_CHATS = 500
YEAR_SECONDS = 365 * 24 * 60 * 60


def _last_message_timestamp() -> Timestamp:
    return Timestamp(
        metadata={
            "type": ["string", "integer"],
            "description": "When the chat's last message was sent: RFC 3339 with an offset, or Unix"
            " seconds. WhatsApp may ignore the change if there is a newer one. Without it: now.",
        }
    )


def _chat_jid() -> fields.String:
    return fields.String(required=True, metadata={"description": "The request's, normalised."})


class ArchiveRequest(DeviceChoice):
    """Whether the chat is to be archived or to be brought back."""

    archived = Flag(required=True)
    last_message_timestamp = _last_message_timestamp()


class ArchiveAnswer(Success):
    """The change that WhatsApp has accepted."""

    chat_jid = _chat_jid()
    archived = fields.Boolean(required=True)


class ArchiveManyRequest(DeviceChoice):
    """Whether these chats are to be archived or to be brought back."""

    archived = Flag(required=True)
    chat_jids = fields.List(Text(most=100), required=True, validate=validate.Length(1, MOST_CHATS))


class ChatResult(AnswerSchema):
    """What became of one chat. `error_code` says why it failed."""

    chat_jid = _chat_jid()
    success = fields.Boolean(required=True)
    error_code = fields.String()


class ArchiveManyAnswer(Success):
    """What became of each chat, in the order of the request."""

    archived = fields.Boolean(required=True)
    results = fields.List(fields.Nested(ChatResult), required=True)
    count = fields.Integer(required=True, metadata={"minimum": 1})
    failed = fields.Integer(required=True, metadata={"minimum": 0})


class MuteRequest(DeviceChoice):
    """Whether the chat is to be muted, for so long or for ever, or to be unmuted."""

    muted = Flag(required=True)
    duration_seconds = Count(
        1,
        YEAR_SECONDS,
        metadata={"description": "For how long. Without it for ever; ignored when unmuting."},
    )


class MuteAnswer(Success):
    """The change that WhatsApp has accepted."""

    chat_jid = _chat_jid()
    muted = fields.Boolean(required=True)
    duration_seconds = fields.Integer(metadata={"description": "Absent when it has no end."})


class PinAnswer(Success):
    """The change that WhatsApp has accepted."""

    chat_jid = _chat_jid()
    pinned = fields.Boolean(required=True)


class ReadRequest(DeviceChoice):
    """Whether the chat is to be marked as read or as unread."""

    read = Flag(required=True)
    last_message_timestamp = _last_message_timestamp()


class ReadAnswer(Success):
    """The change that WhatsApp has accepted."""

    chat_jid = _chat_jid()
    read = fields.Boolean(required=True)
