"""What JSON about tokens looks like."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from schemas.base import AnswerSchema, PageAnswer, RequestSchema, Success
from schemas.fields import FutureTimestamp, NewSecret, Text, Timestamp
from sessions.principals import Scope


def _scopes(**options: Any) -> fields.List[Any]:
    scope = fields.String(validate=validate.OneOf([scope.value for scope in Scope]))
    description = "What the token may be used for. Without it: for everything that its user may."
    return fields.List(scope, metadata={"description": description}, **options)


class CreateTokenRequest(RequestSchema):
    """A further token of the caller's."""

    name = Text(required=True, most=100)
    scopes = _scopes(validate=validate.Length(1))
    expires_at = FutureTimestamp(
        metadata={
            "type": ["string", "integer"],
            "description": "RFC 3339 with an offset, or Unix seconds; never after that of the"
            " token that makes it.",
        }
    )


class Token(AnswerSchema):
    """A token as it is listed."""

    id = fields.UUID(required=True)
    name = fields.String(required=True)
    token_hint = fields.String(
        required=True,
        attribute="hint",
        metadata={"description": "The last four characters of the token."},
    )
    scopes = _scopes()
    expires_at = Timestamp()
    created_at = Timestamp(required=True)


class CreateTokenAnswer(Success):
    """The new token. Its text is shown this once."""

    token = NewSecret()
    data = fields.Nested(Token, required=True)
    note = fields.String(required=True)


class TokensAnswer(PageAnswer):
    """The tokens that the caller has made, oldest first."""

    tokens = fields.List(fields.Nested(Token), required=True)
