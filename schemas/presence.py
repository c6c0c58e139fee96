"""What JSON about presence and typing looks like."""

from __future__ import annotations

from marshmallow import fields, validate

from schemas.base import DeviceChoice, Success
from schemas.fields import Flag, Text
from sessions.presence import Availability, Typing

RECORDING = "recording"
TYPING = {"typing": Typing.COMPOSING, RECORDING: Typing.COMPOSING} | {
    typing.value: typing for typing in Typing
}
AVAILABILITY = {"online": Availability.AVAILABLE, "offline": Availability.UNAVAILABLE} | {
    state.value: state for state in Availability
}


class TypingRequest(DeviceChoice):
    """What somebody is seen to do; `recording` is composing audio."""

    state = fields.String(required=True, validate=validate.OneOf(list(TYPING)))
    media = fields.String(validate=validate.OneOf(["text", "audio"]))


class TypingAnswer(Success):
    """What was written to the connection. Nobody confirms it."""

    chat_jid = fields.String(required=True, metadata={"description": "The request's, normalised."})
    state = fields.Enum(Typing, by_value=True, required=True)
    media = fields.String(required=True, validate=validate.OneOf(["text", "audio"]))


class PresenceRequest(DeviceChoice):
    """Whether the account is to be seen online."""

    body_is_optional = True

    state = fields.String(
        load_default=Availability.AVAILABLE.value, validate=validate.OneOf(list(AVAILABILITY))
    )


class PresenceAnswer(Success):
    """What was written to the connection. Nobody confirms it."""

    state = fields.Enum(Availability, by_value=True, required=True)


class SubscribeRequest(DeviceChoice):
    """Whose presence is wanted."""

    jid = Text(most=100, required=True)
    ensure_online = Flag(
        load_default=False,
        metadata={"description": "Show the account online first: WhatsApp tells nobody else."},
    )


class SubscribeAnswer(Success):
    """What was written to the connection. Nobody confirms it."""

    subject_jid = fields.String(
        required=True, metadata={"description": "The request's, normalised."}
    )
