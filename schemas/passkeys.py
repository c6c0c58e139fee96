"""What JSON about the owner's passkey looks like. The parts of WebAuthn have WebAuthn's names."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, post_load, validate, validates_schema

from schemas.base import AnswerSchema, DeviceChoice, RequestSchema, Success
from schemas.devices import WaitQuery
from schemas.fields import Base64URL, Ignored, Timestamp
from sessions.states import PasskeyStage

LONGEST_ID = 1364
LONGEST_PART = 16_384
_IGNORED = ("authenticatorAttachment", "clientExtensionResults")


class PasskeyQuery(WaitQuery):
    """Which device, how long to wait, and what is known already."""

    stage = fields.Enum(
        PasskeyStage,
        by_value=True,
        metadata={
            "description": "The stage that is known: `wait` waits until it is another one. Without"
            " it, `wait` waits until a passkey is asked for."
        },
    )


class AuthenticatorResponse(RequestSchema):
    """WebAuthn's AuthenticatorAssertionResponse."""

    clientDataJSON = Base64URL(most=LONGEST_PART, required=True)
    authenticatorData = Base64URL(most=LONGEST_PART, required=True)
    signature = Base64URL(most=LONGEST_PART, required=True)
    userHandle = Base64URL(most=LONGEST_ID)


class Credential(RequestSchema):
    """WebAuthn's PublicKeyCredential, as its `toJSON()` gives it."""

    id = Base64URL(most=LONGEST_ID, required=True)
    rawId = Base64URL(most=LONGEST_ID, required=True)
    type = fields.String(required=True, validate=validate.Equal("public-key"))
    response = fields.Nested(AuthenticatorResponse, required=True)
    authenticatorAttachment = Ignored()
    clientExtensionResults = Ignored()

    @validates_schema
    def check_ids(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse two different ids."""
        if data["id"] != data["rawId"]:
            raise ValidationError("Is not the same as rawId.", "id")

    @post_load
    def drop_ignored(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Remove what WhatsApp is not told."""
        return {name: value for name, value in data.items() if name not in _IGNORED}


class ResponseRequest(DeviceChoice):
    """The authenticator's answer."""

    credential = fields.Nested(Credential, required=True)


class AllowedCredential(AnswerSchema):
    """A passkey that may answer."""

    id = fields.String(required=True)
    type = fields.String(required=True)
    transports = fields.List(fields.String())


class PublicKey(AnswerSchema):
    """WebAuthn's PublicKeyCredentialRequestOptions; bytes are base64url without padding."""

    challenge = fields.String(required=True)
    timeout = fields.Integer(metadata={"description": "Milliseconds."})
    rpId = fields.String()
    allowCredentials = fields.List(fields.Nested(AllowedCredential))
    userVerification = fields.String()
    extensions = fields.Dict(keys=fields.String())


class Passkey(AnswerSchema):
    """How far the exchange is, and what is asked."""

    stage = fields.String(
        required=True,
        validate=validate.OneOf([stage.value for stage in PasskeyStage]),
        metadata={
            "description": "`asked`: the authenticator's answer is awaited; `answered`: the phone"
            " is; `shown`: `code` is, and the confirmation is awaited; `confirmed`: the device is"
            " about to be linked."
        },
    )
    public_key = fields.Nested(PublicKey, required=True)
    code = fields.String(metadata={"description": "What the phone shows, too."})
    compare = fields.Boolean(
        required=True,
        metadata={"description": "Whether the owner has to compare `code` before it is confirmed."},
    )
    expires_at = Timestamp(required=True)


class PasskeyAnswer(Success):
    """How far the exchange is, and what is asked."""

    data = fields.Nested(Passkey, required=True)
