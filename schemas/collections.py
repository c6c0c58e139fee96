"""What JSON about the collections of a device's app state looks like."""

from __future__ import annotations

from marshmallow import fields, validate

from schemas.base import AnswerSchema, DeviceChoice, Success
from schemas.fields import Flag, Timestamp
from sessions.collections import DEFAULT_SCOPES, SyncScope
from sessions.states import CollectionState

SCOPES = [scope.value for scope in SyncScope]


class SyncRequest(DeviceChoice):
    """What is to be fetched."""

    body_is_optional = True

    scopes = fields.List(
        fields.Enum(SyncScope, by_value=True),
        load_default=lambda: list(DEFAULT_SCOPES),
        validate=validate.Length(1, len(SCOPES)),
        metadata={"description": "Without it: contacts, chats and settings."},
    )
    full = Flag(
        load_default=False,
        metadata={"description": "Fetch everything anew; this may mend a wedged collection."},
    )


class SyncAnswer(Success):
    """What was fetched."""

    scopes = fields.List(fields.String(validate=validate.OneOf(SCOPES)), required=True)
    full_sync = fields.Boolean(required=True)


class Collection(AnswerSchema):
    """One collection of the account's app state, as this device knows it."""

    name = fields.String(required=True)
    version = fields.Integer(required=True)
    state = fields.String(
        required=True, validate=validate.OneOf([state.value for state in CollectionState])
    )
    last_ok_at = Timestamp(metadata={"description": "When it was last in step with WhatsApp."})


class CollectionsAnswer(Success):
    """How each collection stands."""

    collections = fields.List(fields.Nested(Collection), required=True)
