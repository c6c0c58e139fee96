"""What JSON about users looks like."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from schemas.base import AnswerSchema, PageAnswer, RequestSchema, Success
from schemas.fields import Flag, Ignored, NewSecret, Timestamp
from schemas.webhooks import pending_url
from sessions.principals import Role


def _email(**options: Any) -> fields.Email:
    return fields.Email(validate=validate.Length(max=254), **options)


def _role(**options: Any) -> fields.String:
    return fields.String(validate=validate.OneOf([role.value for role in Role]), **options)


class CreateUserRequest(RequestSchema):
    """A new user of the tenant."""

    email = _email(required=True)
    role = _role(required=True)
    password = Ignored(metadata={"description": "Accepted and dropped unread."})
    webhook_url = pending_url()


class UpdateUserRequest(RequestSchema):
    """What is to be changed; what is absent stays."""

    email = _email()
    role = _role()
    active = Flag(metadata={"description": "false: none of the user's tokens works."})
    password = Ignored(metadata={"description": "Accepted and dropped unread."})


class PromoteRequest(RequestSchema):
    """A role above the present one."""

    new_role = _role(required=True)


class User(AnswerSchema):
    """Who holds tokens."""

    id = fields.UUID(required=True)
    tenant_id = fields.UUID(required=True)
    email = fields.Email(required=True)
    role = _role(required=True)
    active = fields.Boolean(required=True)
    created_at = Timestamp(required=True)
    updated_at = Timestamp(required=True)


class NewUser(User):
    """A user with the token, which is shown this once."""

    token = NewSecret()


class CreateUserAnswer(Success):
    """The new user and the token."""

    user = fields.Nested(NewUser, required=True)
    webhook_configured = fields.Boolean(required=True)
    webhook_url = fields.String()
    note = fields.String(required=True)


class UsersAnswer(PageAnswer):
    """The users of the tenant, oldest first."""

    users = fields.List(fields.Nested(User), required=True)


class UserAnswer(Success):
    """A user."""

    data = fields.Nested(User, required=True)


class Promotion(AnswerSchema):
    """What became of a user's role."""

    user_id = fields.UUID(required=True)
    old_role = _role(required=True)
    new_role = _role(required=True)


class PromotionAnswer(Success):
    """What became of the user's role."""

    data = fields.Nested(Promotion, required=True)


class FirstToken(AnswerSchema):
    """A user's new first token, which is shown this once."""

    user_id = fields.UUID(required=True)
    token = NewSecret()


class FirstTokenAnswer(Success):
    """The new token. The one before it does not work any more."""

    data = fields.Nested(FirstToken, required=True)
    note = fields.String(required=True)
