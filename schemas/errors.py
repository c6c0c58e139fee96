"""The envelope of an answer that says no."""

from __future__ import annotations

from marshmallow import fields, validate

from schemas.base import SharedSchema
from schemas.fields import Timestamp
from sessions.errors import ErrorCode


class FieldProblem(SharedSchema):
    """What is wrong with one field. The value itself is not repeated."""

    field = fields.String(required=True)
    message = fields.String(required=True)


class Error(SharedSchema):
    """Why a request did not succeed. Repeat it exactly when `Retry-After` is present."""

    success = fields.Boolean(required=True, metadata={"enum": [False]})
    error = fields.String(required=True, metadata={"description": "The cause, for people."})
    error_code = fields.String(
        required=True,
        validate=validate.OneOf([code.value for code in ErrorCode]),
        metadata={"description": "The cause, for programs."},
    )
    timestamp = Timestamp(required=True)
    validation = fields.List(
        fields.Nested(FieldProblem),
        metadata={"description": "Only for errors in fields of the request."},
    )
    oldest = fields.Integer(
        metadata={"description": "Only for `CURSOR_EXPIRED` of events: the oldest that is kept."}
    )
    latest = fields.Integer(
        metadata={"description": "Only for `CURSOR_EXPIRED` of events: the newest."}
    )
