"""What JSON about calls looks like."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from marshmallow import fields, validate

from schemas.base import AnswerSchema, DeviceChoice, PageAnswer, RequestSchema, Success
from schemas.fields import Count, Flag, Lines, QueryTime, Text, Timestamp, WholeNumber
from sessions.call_rules import LONGEST_COOLDOWN, AutoReject
from sessions.call_states import CallState

MOST_ALLOWED = 500
LONGEST_TEXT = 4096


class RejectRequest(DeviceChoice):
    """Which call is to be rejected."""

    call_id = Text(most=128, required=True)

    class Meta(DeviceChoice.Meta):
        include: ClassVar[dict[str, Text]] = {
            "from": Text(
                most=100,
                metadata={
                    "description": "Who calls; needed only for a call that is not in `/calls`."
                },
            )
        }


class RejectAnswer(Success):
    """A reject was sent. That it took effect is known when the state says so."""

    call_id = fields.String(required=True)
    state = fields.Enum(CallState, by_value=True, required=True)


class CallsQuery(DeviceChoice):
    """Which calls, and which part of the list."""

    state = fields.Enum(CallState, by_value=True)
    since = QueryTime(
        metadata={
            "type": ["string", "integer"],
            "description": "Only calls that were first heard of since then.",
        }
    )
    limit = WholeNumber(
        1, 1000, load_default=100, metadata={"description": "How many rows at most."}
    )
    cursor = Text(
        most=512, metadata={"description": "The `next_cursor` of the page before, as it was given."}
    )

    class Meta(DeviceChoice.Meta):
        include: ClassVar[dict[str, Text]] = {
            "from": Text(most=100, metadata={"description": "A caller: a JID or a phone number."})
        }


class Call(AnswerSchema):
    """An incoming call, as far as it is known. What is unknown is absent."""

    call_id = fields.String(required=True)
    from_ = fields.String(
        required=True,
        attribute="caller",
        data_key="from",
        metadata={"description": "The caller's JID, without a device part."},
    )
    phone_number = fields.String(metadata={"description": "Digits. Never those of a LID."})
    group_jid = fields.String(metadata={"description": "The group, if it is a group call."})
    media = fields.String(validate=validate.OneOf(["audio", "video"]))
    state = fields.Enum(CallState, by_value=True, required=True)
    reason = fields.String(
        metadata={
            "description": "WhatsApp's reason for the end; `unconfirmed`: nothing more was heard of"
            " the call, and it is taken for ended."
        }
    )
    offered_at = Timestamp(metadata={"description": "Absent: its offer was never seen."})
    ended_at = Timestamp(metadata={"description": "When it stopped ringing, if that is known."})
    auto_rejected = fields.Boolean(
        required=True, metadata={"description": "A reject was sent because a rule wanted it."}
    )
    auto_replied = fields.Boolean(required=True)
    reject_acknowledged = fields.Boolean(
        metadata={
            "description": "Whether WhatsApp took the reject that was sent; it may ring on all the"
            " same."
        }
    )


class CallAnswer(Success):
    """One call."""

    call = fields.Nested(Call, required=True)


class CallsAnswer(PageAnswer):
    """Calls, those first that were heard of last."""

    calls = fields.List(fields.Nested(Call), required=True)


class AutoReplyRequest(RequestSchema):
    """What is to be different about the reply; what is absent stays as it is."""

    enabled = Flag()
    text = Lines(most=LONGEST_TEXT, metadata={"description": "What the caller reads."})
    cooldown_seconds = Count(
        0,
        LONGEST_COOLDOWN // timedelta(seconds=1),
        metadata={"description": "For so long after a reply the same caller gets no other one."},
    )
    also_when_not_rejected = Flag(metadata={"description": "Answer every call."})


class CallSettingsRequest(DeviceChoice):
    """What is to be different; what is absent stays as it is."""

    auto_reject = fields.Enum(
        AutoReject,
        by_value=True,
        metadata={"description": "Which calls; `unknown`: of people who are no saved contacts."},
    )
    allow = fields.List(
        Text(most=100),
        validate=validate.Length(0, MOST_ALLOWED),
        metadata={"description": "Whose calls, or which groups', no rule rejects."},
    )
    auto_reply = fields.Nested(AutoReplyRequest)


class AutoReply(AnswerSchema):
    """The reply to callers, for whoever may change it."""

    enabled = fields.Boolean(required=True)
    text = fields.String()
    cooldown_seconds = fields.Integer(required=True)
    also_when_not_rejected = fields.Boolean(required=True)


class CallSettings(AnswerSchema):
    """What the device does with calls by itself."""

    auto_reject = fields.Enum(AutoReject, by_value=True, required=True)
    allow = fields.List(fields.String(), required=True)
    auto_reply = fields.Nested(AutoReply, required=True)


class CallSettingsAnswer(Success):
    """All settings. A repeated idempotent answer is without the text."""

    settings = fields.Nested(CallSettings, required=True)
