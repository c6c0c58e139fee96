"""What JSON about the audit log looks like."""

from __future__ import annotations

from marshmallow import fields

from schemas.base import AnswerSchema, PageAnswer
from schemas.fields import Timestamp


class AuditEntry(AnswerSchema):
    """Who did what, when, with which outcome."""

    id = fields.Integer(required=True, metadata={"description": "Rises with time."})
    at = Timestamp(required=True, attribute="entry.at")
    action = fields.String(required=True, attribute="entry.action")
    outcome = fields.String(
        required=True,
        attribute="entry.outcome",
        metadata={"description": "`success`, or the answer's `error_code`."},
    )
    request_id = fields.String(required=True, attribute="entry.request_id")
    user_id = fields.UUID(
        attribute="entry.user_id", metadata={"description": "Absent: the platform's owner."}
    )
    token_id = fields.UUID(attribute="entry.token_id")
    device_id = fields.UUID(attribute="entry.device_id")
    target_id = fields.UUID(
        attribute="entry.target_id",
        metadata={"description": "The user, token, tenant or delivery that was acted on."},
    )


class AuditAnswer(PageAnswer):
    """The entries of the tenant, newest first."""

    entries = fields.List(fields.Nested(AuditEntry), required=True)
