"""What JSON about disappearing messages looks like."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, post_load, validate

from schemas.base import DeviceChoice, Success
from schemas.fields import Count, Timestamp
from sessions.disappearing import PRESETS

_NAMES = {seconds: preset for preset, seconds in PRESETS.items()}


def _seconds() -> Count:
    return Count(
        0,
        max(_NAMES),
        metadata={"description": "Instead of `preset`: 0, 86400, 604800 or 7776000."},
    )


class DisappearingRequest(DeviceChoice):
    """For how long messages last, said in one way."""

    preset = fields.String(validate=validate.OneOf(list(PRESETS)))
    seconds = _seconds()
    duration_seconds = _seconds()

    @post_load
    def unify(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Say it as a preset, whichever way it was said."""
        ways = [name for name in ("preset", "seconds", "duration_seconds") if name in data]
        if len(ways) != 1:
            raise ValidationError("Give one of preset and seconds.", "preset")
        [way] = ways
        value = data.pop(way)
        if way != "preset" and value not in _NAMES:
            raise ValidationError("Must be 0, 86400, 604800 or 7776000.", way)
        return {**data, "preset": value if way == "preset" else _NAMES[value]}


class DisappearingAnswer(Success):
    """What WhatsApp has accepted."""

    chat_jid = fields.String(required=True, metadata={"description": "The request's, normalised."})
    preset = fields.String(required=True, validate=validate.OneOf(list(PRESETS)))
    seconds = fields.Integer(required=True)
    timestamp = Timestamp(required=True, metadata={"description": "When it was accepted."})
