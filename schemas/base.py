"""What every request and every answer has in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from marshmallow import RAISE, Schema, fields, post_dump, pre_load

from schemas.fields import Text, WholeNumber


class SharedSchema(Schema):
    """A schema that never changes once it is made: copies of the API's document share it.

    flask-smorest copies what an operation has documented so far at every decorator. With copies of
    schemas and all their fields a start would take twice as long.
    """

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


class RequestSchema(SharedSchema):
    """A request: unknown fields are refused, null means absent on optional fields."""

    body_is_optional: ClassVar[bool] = False

    class Meta:
        unknown = RAISE

    @pre_load
    def drop_nulls(self, data: Any, **_: Any) -> Any:
        """Remove the nulls of optional fields; whatever is no object is left to marshmallow."""
        if not isinstance(data, Mapping):
            return data
        return {name: value for name, value in data.items() if not self._is_absent(name, value)}

    def _is_absent(self, name: str, value: object) -> bool:
        known = self.fields.get(name)
        return value is None and known is not None and not known.required


class DeviceChoice(RequestSchema):
    """A request that may say which device it means."""

    device_id = Text(
        most=64, metadata={"description": "The device to act on; a user of several has to say."}
    )


class EmptyRequest(DeviceChoice):
    """The body of an operation that takes none: nothing at all or `{}`."""

    body_is_optional = True


class PageQuery(RequestSchema):
    """Which part of a list."""

    limit = WholeNumber(
        1, 1000, load_default=100, metadata={"description": "How many rows at most."}
    )
    cursor = Text(
        most=512, metadata={"description": "The `next_cursor` of the page before, as it was given."}
    )


class AnswerSchema(SharedSchema):
    """A part of an answer: what is unknown is absent, never null."""

    @post_dump
    def drop_unknown(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Remove the fields that have no value."""
        return {name: value for name, value in data.items() if value is not None}


class Success(AnswerSchema):
    """The envelope of an answer that says yes."""

    success = fields.Boolean(required=True, dump_default=True, metadata={"enum": [True]})


class MessageAnswer(Success):
    """What was done, in words."""

    message = fields.String(required=True)


class PageAnswer(Success):
    """A part of a list."""

    count = fields.Integer(
        required=True, metadata={"description": "Rows in this answer.", "minimum": 0}
    )
    next_cursor = fields.String(metadata={"description": "Present while there is more."})
