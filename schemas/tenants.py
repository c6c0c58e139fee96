"""What JSON about tenants and their users looks like."""

from __future__ import annotations

from marshmallow import fields, validate

from schemas.base import AnswerSchema, RequestSchema, Success
from schemas.fields import Ignored, Text, Timestamp
from sessions.principals import Role


class RegisterRequest(RequestSchema):
    """A new tenant and the address of its first user, who becomes its admin."""

    tenant_name = Text(required=True, most=100)
    email = fields.Email(required=True, validate=validate.Length(max=254))
    password = Ignored(metadata={"description": "Accepted and dropped unread."})
    role = Ignored(metadata={"description": "Accepted and ignored: the first user is admin."})


class Tenant(AnswerSchema):
    """The wall of isolation around users, devices and chats."""

    id = fields.UUID(required=True)
    name = fields.String(required=True)
    created_at = Timestamp(required=True)
    updated_at = Timestamp(required=True)


class User(AnswerSchema):
    """Who holds tokens."""

    id = fields.UUID(required=True)
    tenant_id = fields.UUID(required=True)
    email = fields.Email(required=True)
    role = fields.String(required=True, validate=validate.OneOf([role.value for role in Role]))
    active = fields.Boolean(required=True)
    created_at = Timestamp(required=True)
    updated_at = Timestamp(required=True)


class NewUser(User):
    """A user with the token, which is shown this once."""

    token = fields.UUID(required=True)


class RegisterAnswer(Success):
    """The new tenant, its admin, and the admin's token."""

    user = fields.Nested(NewUser, required=True)
    tenant = fields.Nested(Tenant, required=True)
    token = fields.UUID(required=True)
    webhook_configured = fields.Boolean(required=True)
    note = fields.String(required=True)
