"""What JSON about devices, their linking and their connection looks like."""

from __future__ import annotations

from marshmallow import fields, validate

from schemas.base import (
    AnswerSchema,
    DeviceChoice,
    MessageAnswer,
    PageAnswer,
    RequestSchema,
    Success,
)
from schemas.fields import Flag, QueryFlag, Seconds, Text, Timestamp
from sessions.states import CollectionState, DeviceStatus, PairingMethod, PairingState

LONGEST_WAIT = 25


class CreateDeviceRequest(RequestSchema):
    """What the new device is called."""

    name = Text(required=True, most=100)


class QRQuery(DeviceChoice):
    """Which device to link, and whether a fresh code is wanted."""

    refresh = QueryFlag(metadata={"description": "Start the pairing over and give a fresh code."})
    reuse_cache = QueryFlag(metadata={"description": "false asks for a fresh code, too."})
    reuse = QueryFlag(metadata={"description": "The same as `reuse_cache`."})
    use_cache = QueryFlag(metadata={"description": "The same as `reuse_cache`."})
    cached = QueryFlag(metadata={"description": "The same as `reuse_cache`."})
    force_refresh = QueryFlag(metadata={"description": "The same as `refresh`."})
    force_new = QueryFlag(metadata={"description": "The same as `refresh`."})


class PairCodeRequest(DeviceChoice):
    """Which phone is to link the device, and whether a fresh code is wanted."""

    phone = Text(
        required=True,
        most=32,
        metadata={"description": "Its number with the country code; `+ - ( )` may be in it."},
    )
    reuse_cache = Flag(metadata={"description": "false asks for a fresh code."})
    reuse = Flag(metadata={"description": "The same as `reuse_cache`."})
    use_cache = Flag(metadata={"description": "The same as `reuse_cache`."})
    cached = Flag(metadata={"description": "The same as `reuse_cache`."})
    refresh = Flag(metadata={"description": "Start the pairing over and give a fresh code."})
    force_refresh = Flag(metadata={"description": "The same as `refresh`."})
    force_new = Flag(metadata={"description": "The same as `refresh`."})


class WaitQuery(DeviceChoice):
    """Which device, and how long to wait for a change."""

    wait = Seconds(
        LONGEST_WAIT,
        load_default=0,
        metadata={"description": "Answer after this many seconds if nothing changes before."},
    )


class StatusQuery(WaitQuery):
    """Which device, how long to wait, and for what."""

    until = fields.String(
        validate=validate.OneOf(["connected"]),
        metadata={"description": "Wait until the device is connected, not for just any change."},
    )


class Device(AnswerSchema):
    """A linked companion of a WhatsApp account, or one that is to be linked."""

    id = fields.UUID(required=True)
    user_id = fields.UUID(required=True)
    name = fields.String(required=True)
    connected = fields.Boolean(required=True)
    created_at = Timestamp(required=True)
    updated_at = Timestamp(required=True)
    whatsapp_jid = fields.String(attribute="jid")
    last_seen = Timestamp(attribute="last_seen_at")
    webhook_url = fields.String(metadata={"description": "Where its events go; only in lists."})


class DeviceName(AnswerSchema):
    """A device's id and name."""

    device_id = fields.UUID(required=True, attribute="id")
    name = fields.String(required=True)


class CreateDeviceAnswer(Success):
    """The new device."""

    message = fields.String(required=True)
    device = fields.Nested(Device, required=True)
    data = fields.Nested(DeviceName, required=True)


class DevicesAnswer(PageAnswer):
    """The caller's devices; for admins and managers the tenant's."""

    devices = fields.List(fields.Nested(Device), required=True)


class OwnDevices(AnswerSchema):
    """The devices of one user."""

    devices = fields.List(fields.Nested(Device), required=True)
    count = fields.Integer(
        required=True, metadata={"description": "Rows in this answer.", "minimum": 0}
    )
    next_cursor = fields.String(metadata={"description": "Present while there is more."})
    user_id = fields.UUID(required=True)


class OwnDevicesAnswer(Success):
    """The caller's own devices."""

    data = fields.Nested(OwnDevices, required=True)


class DeleteDeviceQuery(DeviceChoice):
    """Whether everything of the device is to be erased."""

    purge = QueryFlag(
        load_default=False,
        metadata={"description": "Unlink the device and erase its keys and everything of it."},
    )


class DeleteDeviceAnswer(MessageAnswer):
    """What was done."""

    unlinked = fields.Boolean(
        metadata={"description": "Only with `purge`: whether WhatsApp has confirmed it."}
    )


class QRCode(AnswerSchema):
    """A code for the phone to scan."""

    qr_code = fields.String(required=True, metadata={"description": "The text of the code."})
    image = fields.String(required=True, metadata={"description": "The same as data URL of a PNG."})
    cached = fields.Boolean(required=True)
    expires_at = Timestamp(required=True)
    ttl = fields.Integer(required=True, metadata={"description": "Seconds left.", "minimum": 0})


class QRAnswer(Success):
    """A code for the phone to scan."""

    data = fields.Nested(QRCode, required=True)


class PairCode(AnswerSchema):
    """A code to be typed into a phone."""

    code = fields.String(required=True, metadata={"pattern": "^[1-9A-Z]{4}-[1-9A-Z]{4}$"})
    phone = fields.String(required=True, metadata={"description": "The digits of its number."})
    expires_in = fields.Integer(
        required=True, metadata={"description": "Seconds left.", "minimum": 0, "maximum": 160}
    )
    cached = fields.Boolean(required=True)
    instructions = fields.String(
        required=True, metadata={"description": "Where the phone's owner types it."}
    )


class PairCodeAnswer(Success):
    """A code to be typed into a phone."""

    data = fields.Nested(PairCode, required=True)


class Pairing(AnswerSchema):
    """How far the linking has come."""

    exists = fields.Boolean(required=True, metadata={"description": "Whether a code is on show."})
    state = fields.String(
        required=True, validate=validate.OneOf([state.value for state in PairingState])
    )
    method = fields.Enum(
        PairingMethod, by_value=True, metadata={"description": "What the phone is shown."}
    )
    attempt = fields.Integer(required=True)
    generated_at = Timestamp()
    expires_at = Timestamp()
    reason = fields.String(metadata={"description": "Why it has failed; see the docs."})


class PairingAnswer(Success):
    """How far the linking has come."""

    data = fields.Nested(Pairing, required=True)


class DeviceState(AnswerSchema):
    """What is known of a device at this moment."""

    connected = fields.Boolean(required=True)
    status = fields.String(
        required=True, validate=validate.OneOf([status.value for status in DeviceStatus])
    )
    device_id = fields.UUID()
    jid = fields.String()
    phone_number = fields.String()
    is_logged_in = fields.Boolean(required=True)
    last_seen = Timestamp(attribute="last_seen_at")
    reason = fields.String(metadata={"description": "Why it is in this status; see the docs."})
    banned_until = Timestamp(metadata={"description": "When a ban ends, if WhatsApp said so."})
    app_state = fields.String(
        validate=validate.OneOf([state.value for state in CollectionState]),
        metadata={"description": "The worst state of the device's collections of settings."},
    )
    unarchive_chats = fields.Boolean(
        metadata={"description": "Whether a message brings an archived chat back."}
    )


class StatusAnswer(Success):
    """What is known of a device at this moment."""

    data = fields.Nested(DeviceState, required=True)


class Connection(AnswerSchema):
    """What a device is doing after it was told to connect."""

    status = fields.String(
        required=True, validate=validate.OneOf([status.value for status in DeviceStatus])
    )
    device_id = fields.UUID(required=True)
    needs_qr = fields.Boolean(required=True, metadata={"description": "Link it first."})


class ConnectAnswer(Success):
    """What the device is doing now."""

    data = fields.Nested(Connection, required=True)


class DeviceMessage(AnswerSchema):
    """What was done, in words."""

    message = fields.String(required=True)
    device_id = fields.UUID(required=True)


class DeviceMessageAnswer(Success):
    """What was done."""

    data = fields.Nested(DeviceMessage, required=True)
