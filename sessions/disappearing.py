"""The use case of disappearing messages: for how long a chat keeps what is written from now on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from sessions.addressing import resolve_now
from sessions.choices import Choices
from sessions.deadline import Deadline
from sessions.environment import Environment
from sessions.principals import Principal
from sessions.times import from_milliseconds

PRESETS: Mapping[str, int] = MappingProxyType(
    {"off": 0, "24h": 86_400, "7d": 604_800, "90d": 7_776_000}
)
"""The times that WhatsApp knows, in seconds."""


@dataclass(frozen=True, slots=True)
class DisappearingResult:
    """What WhatsApp's server has accepted, and when."""

    chat_jid: str
    preset: str
    seconds: int
    timestamp: datetime


class Disappearing:
    """Sets how long messages last."""

    def __init__(self, environment: Environment, choices: Choices) -> None:
        self._environment = environment
        self._choices = choices

    def set(
        self,
        principal: Principal,
        chat_jid: str,
        *,
        preset: str,
        device_id: str | None,
        deadline: Deadline,
    ) -> DisappearingResult:
        """Set the time of a chat; `preset` is one of PRESETS.

        Raises InvalidInput, and what `Choices.choose`, the admission and the session raise.
        """
        with self._environment.admission.command():
            device = self._choices.choose(principal, device_id)
            jid = resolve_now(self._environment.database, device, chat_jid)
            session = self._environment.registry.find(device)
            seconds = PRESETS[preset]
            result = session.ask("chat.set_disappearing", deadline, chat_jid=jid, seconds=seconds)
        return DisappearingResult(jid, preset, seconds, from_milliseconds(result["set_at"]))
