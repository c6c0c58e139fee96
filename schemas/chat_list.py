"""What JSON about the list of chats looks like."""

from __future__ import annotations

from marshmallow import fields, validate

from schemas.base import AnswerSchema, DeviceChoice, Success
from schemas.fields import QueryFlag, QueryTime, Text, Timestamp, WholeNumber
from sessions.chat_list import ChatType
from sessions.chat_names import NameSource


class ChatsQuery(DeviceChoice):
    """Which chats, and which part of the list. A setting that is unknown counts as off."""

    archived = QueryFlag()
    pinned = QueryFlag()
    muted = QueryFlag()
    type = fields.String(validate=validate.OneOf([kind.value for kind in ChatType]))
    q = Text(
        most=100,
        metadata={"description": "A part of a name or number, whatever its case or accents."},
    )
    updated_since = QueryTime(
        metadata={
            "type": ["string", "integer"],
            "description": "Only what has changed since then; `removed` names what is gone.",
        }
    )
    limit = WholeNumber(
        1, 1000, metadata={"description": "How many rows at most; without it and `cursor`: all."}
    )
    cursor = Text(
        most=512, metadata={"description": "The `next_cursor` of the page before, as it was given."}
    )


class Chat(AnswerSchema):
    """A person or group. What is unknown is absent, and never false."""

    jid = fields.String(required=True, metadata={"description": "Accepted by every operation."})
    type = fields.Enum(ChatType, by_value=True, required=True)
    name = fields.String(metadata={"description": "Absent: only a LID is known."})
    name_source = fields.Enum(NameSource, by_value=True)
    pinned = fields.Boolean()
    archived = fields.Boolean()
    muted = fields.Boolean()
    muted_until = Timestamp(
        metadata={"description": "Absent when not muted; for ever: `9999-12-31T00:00:00Z`."}
    )
    muted_forever = fields.Boolean()
    participant_count = fields.Integer(metadata={"description": "Of a person: 0."})
    lid = fields.String()
    phone_number = fields.String(metadata={"description": "Digits. Never those of a LID."})
    last_message_at = Timestamp()


class ChatAnswer(Success):
    """One chat."""

    chat = fields.Nested(Chat, required=True)


class ChatsAnswer(Success):
    """Chats in order: pinned ones, then by the newest message, then by name."""

    chats = fields.List(fields.Nested(Chat), required=True)
    count = fields.Integer(
        required=True, metadata={"description": "Rows in this answer.", "minimum": 0}
    )
    sync = fields.String(
        required=True,
        validate=validate.OneOf(["complete", "syncing"]),
        metadata={"description": "Whether everything that the phone has told was read."},
    )
    next_cursor = fields.String(metadata={"description": "Present while there is more."})
    removed = fields.List(
        fields.String(),
        metadata={"description": "With `updated_since`, on the first page: merged or deleted."},
    )
