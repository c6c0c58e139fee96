"""What JSON about the event log looks like, and the data of every event that is emitted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from schemas.base import AnswerSchema, DeviceChoice, RequestSchema, Success
from schemas.calls import Call
from schemas.fields import Seconds, Timestamp, WholeNumber
from sessions.event_streams import LogPosition
from sessions.states import CollectionState, DeviceStatus, PasskeyStage
from sessions.webhooks.values import GONE, NO_SUCCESS

CAUSES = ["api", "phone", "other_device", "new_message", "reconciled"]
LONGEST_WAIT = 25
NEWEST = 999_999_999


class ChatEvent(AnswerSchema):
    """Something about a chat."""

    chat_jid = fields.String(required=True)
    at = Timestamp(required=True)


class SettingEvent(ChatEvent):
    """A setting of a chat has changed."""

    cause = fields.String(required=True, validate=validate.OneOf(CAUSES))


class ArchiveEvent(SettingEvent):
    """A chat was archived or brought back."""

    archived = fields.Boolean(required=True)


class PinEvent(SettingEvent):
    """A chat was pinned or unpinned."""

    pinned = fields.Boolean(required=True)


class MuteEvent(SettingEvent):
    """A chat was muted or unmuted."""

    muted = fields.Boolean(required=True)
    muted_until = Timestamp()


class ReadEvent(SettingEvent):
    """A chat was marked read or unread."""

    read = fields.Boolean(required=True)


class MergeEvent(ChatEvent):
    """Two JIDs turned out to be one person; `chat_jid` is the one that stays."""

    merged_jid = fields.String(required=True)


class DeviceEvent(AnswerSchema):
    """The status of the device has changed, or a trouble of its connection has come or gone."""

    status = fields.String(
        required=True, validate=validate.OneOf([status.value for status in DeviceStatus])
    )
    reason = fields.String()


class CodeEvent(AnswerSchema):
    """A new QR code is on show. The code itself is no part of it."""

    expires_at = Timestamp(required=True)
    attempt = fields.Integer(required=True)


class PasskeyEvent(AnswerSchema):
    """WhatsApp wants the owner's passkey, or then the code that the phone shows confirmed."""

    stage = fields.String(
        required=True,
        validate=validate.OneOf([PasskeyStage.ASKED.value, PasskeyStage.SHOWN.value]),
    )
    expires_at = Timestamp(required=True)


class ExpiryEvent(AnswerSchema):
    """Nobody scanned the last code."""

    attempt = fields.Integer(required=True)


class PairEvent(AnswerSchema):
    """The device is linked to an account."""

    jid = fields.String(required=True)
    lid = fields.String()
    platform = fields.String()


class PairErrorEvent(AnswerSchema):
    """A pairing has failed."""

    reason = fields.String(required=True)


class UnarchiveEvent(AnswerSchema):
    """The account's owner chose whether messages bring archived chats back."""

    unarchive_chats = fields.Boolean(required=True)
    at = Timestamp(required=True)


class CollectionEvent(AnswerSchema):
    """A collection of the app state is in another state."""

    collection = fields.String(required=True)
    state = fields.String(
        required=True, validate=validate.OneOf([state.value for state in CollectionState])
    )


class WebhookEvent(AnswerSchema):
    """The service has disabled the webhook of the device."""

    reason = fields.String(required=True, validate=validate.OneOf([GONE, NO_SUCCESS]))
    at = Timestamp(required=True)


class GapEvent(AnswerSchema):
    """Something was lost, and nobody knows what."""

    reason = fields.String(required=True)


DATA: Mapping[str, type[Schema]] = {
    "chat.archive": ArchiveEvent,
    "chat.pin": PinEvent,
    "chat.mute": MuteEvent,
    "chat.mark_as_read": ReadEvent,
    "chat.merged": MergeEvent,
    "device.connected": DeviceEvent,
    "device.disconnected": DeviceEvent,
    "device.logged_out": DeviceEvent,
    "connection.stream_replaced": DeviceEvent,
    "connection.temporary_ban": DeviceEvent,
    "connection.failure": DeviceEvent,
    "connection.keepalive_timeout": DeviceEvent,
    "connection.keepalive_restored": DeviceEvent,
    "connection.pair_error": PairErrorEvent,
    "qr.generated": CodeEvent,
    "pair.success": PairEvent,
    "pairing.passkey_required": PasskeyEvent,
    "pairing.expired": ExpiryEvent,
    "settings.unarchive_chats": UnarchiveEvent,
    "app_state.sync_complete": CollectionEvent,
    "app_state.degraded": CollectionEvent,
    "events.gap": GapEvent,
    "call.offer": Call,
    "call.offer_notice": Call,
    "call.accept": Call,
    "call.reject": Call,
    "call.terminate": Call,
    "call.auto_replied": Call,
    "call.reply_suppressed": Call,
    "webhook.disabled": WebhookEvent,
}
"""Every event that is emitted, and what its `data` is."""


_POSITION = re.compile(r"(?:([0-9]{1,18}):)?([0-9]{1,18})")


class EventTypes(fields.Field[list[str]]):
    """Names of events, separated by commas."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> list[str]:
        names = [name.strip() for name in str(value).split(",")]
        if not all(name in DATA for name in names):
            raise ValidationError("Holds something that is no event.")
        return list(dict.fromkeys(names))


class Position(fields.Field[LogPosition]):
    """A place in an event log, `epoch:sequence` or `sequence`."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> LogPosition:
        found = _POSITION.fullmatch(str(value))
        if found is None:
            raise ValidationError("Is no id of an event of a stream.")
        epoch, sequence = found.groups()
        return LogPosition(int(sequence), None if epoch is None else int(epoch))


class StreamQuery(DeviceChoice):
    """Which events of a device."""

    types = EventTypes(
        metadata={
            "type": "string",
            "description": "Only these, separated by commas: " + ", ".join(DATA) + ".",
            "example": "chat.archive,chat.merged",
        }
    )


class StreamHeaders(RequestSchema):
    """Where a stream begins."""

    last_event_id = Position(
        data_key="Last-Event-ID",
        metadata={
            "type": "string",
            "description": "The `id` that came last (`epoch:sequence`; a `next_after` of"
            " `GET /events` will do): the stream goes on behind it. Without it, or 0: the oldest"
            " kept.",
            "example": "1:41",
        },
    )


class EventsQuery(StreamQuery):
    """Which part of a device's event log."""

    after = WholeNumber(
        0,
        NEWEST,
        load_default=0,
        metadata={"description": "The `next_after` of the answer before; 0: the oldest kept."},
    )
    limit = WholeNumber(
        1, 1000, load_default=100, metadata={"description": "How many events at most."}
    )
    wait = Seconds(
        LONGEST_WAIT,
        load_default=0,
        metadata={"description": "Answer after this many seconds if nothing happens before."},
    )


class Event(AnswerSchema):
    """Something that happened to a device. De-duplicate by `id`, order by `sequence`."""

    id = fields.UUID(required=True)
    event = fields.String(required=True, validate=validate.OneOf(list(DATA)))
    timestamp = fields.Function(
        lambda entry: entry.at // 1000,
        metadata={"type": "integer", "description": "Unix seconds."},
        required=True,
    )
    device_id = fields.UUID(required=True)
    user_id = fields.UUID(required=True)
    data = fields.Raw(
        required=True,
        metadata={
            "type": "object",
            "anyOf": [
                {"$ref": f"#/components/schemas/{schema.__name__}"}
                for schema in dict.fromkeys(DATA.values())
            ],
        },
    )
    sequence = fields.Integer(
        required=True, metadata={"description": "Rises by one for each event of the device."}
    )
    version = fields.Constant(1, required=True, metadata={"type": "integer", "enum": [1]})


class EventsAnswer(Success):
    """A part of the log, the oldest first."""

    events = fields.List(fields.Nested(Event), required=True)
    next_after = fields.Integer(
        required=True, metadata={"description": "The `after` of the next request."}
    )
    epoch = fields.Integer(
        required=True,
        metadata={"description": "Rises when a backup was restored: begin anew."},
    )
