"""What JSON about the service itself looks like."""

from __future__ import annotations

from marshmallow import fields, validate

from schemas.base import Success
from schemas.errors import Error


class HealthAnswer(Success):
    """The process answers."""

    status = fields.String(required=True, metadata={"enum": ["ok"]})


def _components() -> fields.Dict:
    return fields.Dict(
        required=True,
        keys=fields.String(),
        values=fields.String(validate=validate.OneOf(["ok", "fail"])),
    )


class ReadyAnswer(Success):
    """The service takes requests."""

    status = fields.String(required=True, metadata={"enum": ["ready"]})
    components = _components()


class NotReady(Error):
    """The service takes no requests, or a part of it is not well."""

    components = _components()
