"""The use cases of presence: what others see of the account, and of whom it wants to see it.

Nothing here is confirmed: it was written to the connection when a method returns. They raise
InvalidInput, and what `Choices.choose`, the admission and the session raise.
"""

from __future__ import annotations

from enum import StrEnum

from sessions.addressing import resolve_now
from sessions.choices import Choices
from sessions.deadline import Deadline
from sessions.environment import Environment
from sessions.errors import InvalidInput, Problem
from sessions.jid import is_person
from sessions.principals import Principal


class Availability(StrEnum):
    """Whether the account shows itself online."""

    AVAILABLE = "available"
    UNAVAILABLE = "unavailable"


class Typing(StrEnum):
    """What somebody in a chat is seen to do."""

    COMPOSING = "composing"
    PAUSED = "paused"


class Presence:
    """Tells WhatsApp what the account does; each method returns the normalised JID."""

    def __init__(self, environment: Environment, choices: Choices) -> None:
        self._environment = environment
        self._choices = choices

    def set_typing(  # noqa: PLR0913 - one name for each part of the request
        self,
        principal: Principal,
        chat_jid: str,
        *,
        typing: Typing,
        is_recording: bool,
        device_id: str | None,
        deadline: Deadline,
    ) -> str:
        """Show in a chat that somebody types or records, or has paused."""
        with self._environment.admission.command():
            device = self._choices.choose(principal, device_id)
            jid = resolve_now(self._environment.database, device, chat_jid)
            media = "audio" if is_recording else "text"
            session = self._environment.registry.find(device)
            session.ask("chat.typing", deadline, chat_jid=jid, state=typing, media=media)
        return jid

    def set_own(
        self,
        principal: Principal,
        availability: Availability,
        *,
        device_id: str | None,
        deadline: Deadline,
    ) -> None:
        """Show the account online or offline, as far as its privacy settings let it."""
        with self._environment.admission.command():
            device = self._choices.choose(principal, device_id)
            session = self._environment.registry.find(device)
            session.ask("presence.set", deadline, state=availability)

    def subscribe(
        self,
        principal: Principal,
        text: str,
        *,
        ensure_online: bool,
        device_id: str | None,
        deadline: Deadline,
    ) -> str:
        """Ask for the presence of a person; `ensure_online` shows the account online first."""
        with self._environment.admission.command():
            device = self._choices.choose(principal, device_id)
            jid = resolve_now(self._environment.database, device, text, "jid")
            if not is_person(jid):
                raise InvalidInput([Problem("jid", "Only people have a presence.")])
            session = self._environment.registry.find(device)
            if ensure_online:
                session.ask("presence.set", deadline, state=Availability.AVAILABLE)
            session.ask("presence.subscribe", deadline, jid=jid)
        return jid
