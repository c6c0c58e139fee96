"""What JSON about tenants looks like."""

from __future__ import annotations

from marshmallow import fields, validate

from schemas.base import AnswerSchema, PageAnswer, RequestSchema, Success
from schemas.fields import Ignored, NewSecret, Text, Timestamp
from schemas.users import NewUser
from schemas.webhooks import pending_url


class RegisterRequest(RequestSchema):
    """A new tenant and the address of its first user, who becomes its admin."""

    tenant_name = Text(required=True, most=100)
    email = fields.Email(required=True, validate=validate.Length(max=254))
    password = Ignored(metadata={"description": "Accepted and dropped unread."})
    role = Ignored(metadata={"description": "Accepted and ignored: the first user is admin."})
    webhook_url = pending_url()


class Tenant(AnswerSchema):
    """The wall of isolation around users, devices and chats."""

    id = fields.UUID(required=True)
    name = fields.String(required=True)
    created_at = Timestamp(required=True)
    updated_at = Timestamp(required=True)


class RegisterAnswer(Success):
    """The new tenant, its admin, and the admin's token."""

    user = fields.Nested(NewUser, required=True)
    tenant = fields.Nested(Tenant, required=True)
    token = NewSecret()
    webhook_configured = fields.Boolean(required=True)
    webhook_url = fields.String()
    note = fields.String(required=True)


class TenantsAnswer(PageAnswer):
    """The tenants, oldest first."""

    tenants = fields.List(fields.Nested(Tenant), required=True)


class TenantAnswer(Success):
    """A tenant."""

    data = fields.Nested(Tenant, required=True)


class TenantErasure(AnswerSchema):
    """What is gone with a tenant."""

    message = fields.String(required=True)
    tenant_id = fields.UUID(required=True)
    devices = fields.Integer(required=True, metadata={"description": "How many there were."})
    unlinked = fields.Integer(
        required=True,
        metadata={"description": "How many of them WhatsApp has confirmed as unlinked."},
    )


class TenantErasureAnswer(Success):
    """The tenant is gone."""

    data = fields.Nested(TenantErasure, required=True)
