"""What JSON about chats looks like."""

from __future__ import annotations

from marshmallow import fields

from schemas.base import DeviceChoice, Success
from schemas.fields import Flag, Timestamp


class ArchiveRequest(DeviceChoice):
    """Whether the chat is to be archived or to be brought back."""

    archived = Flag(required=True)
    last_message_timestamp = Timestamp(
        metadata={
            "type": ["string", "integer"],
            "description": "When the chat's last message was sent: RFC 3339 with an offset, or Unix"
            " seconds. WhatsApp may ignore the change if there is a newer one. Without it: now.",
        }
    )


class ArchiveAnswer(Success):
    """The change that WhatsApp has accepted."""

    chat_jid = fields.String(required=True, metadata={"description": "The request's, normalised."})
    archived = fields.Boolean(required=True)
