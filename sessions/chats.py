"""The use cases of chats."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sessions.app_state import Mutation
from sessions.deadline import Deadline
from sessions.devices import Devices
from sessions.environment import Environment
from sessions.jid import parse_chat_jid
from sessions.principals import Principal
from sessions.times import to_milliseconds

_COLLECTION = "regular_low"


class Chats:
    """Changes how chats are kept, for all devices of the account."""

    def __init__(self, environment: Environment, devices: Devices) -> None:
        self._environment = environment
        self._devices = devices

    def archive(  # noqa: PLR0913 - one name for each part of the request
        self,
        principal: Principal,
        chat_jid: str,
        *,
        archived: bool,
        last_message_timestamp: datetime | None,
        device_id: str | None,
        deadline: Deadline,
    ) -> str:
        """Archive a chat or bring it back; returns its normalised JID once the server has accepted.

        Raises InvalidInput, and what `Devices.choose`, the admission and the session raise.
        """
        jid = parse_chat_jid(chat_jid)
        range_end = last_message_timestamp or self._environment.now()
        mutations = build_archive(jid, archived=archived, range_end=range_end)
        with self._environment.admission.command():
            device = self._devices.choose(principal, device_id)
            session = self._environment.registry.session_of(device)
            session.apply(_COLLECTION, mutations, deadline=deadline)
        return jid


def build_archive(jid: str, *, archived: bool, range_end: datetime) -> Sequence[Mutation]:
    """Return what archiving means: it also unpins, as in WhatsApp Web. Bringing back is one change.

    `range_end` is the time of the last message that the phone shall count as archived.
    """
    values = {"archived": archived, "range_at": to_milliseconds(range_end)}
    archive = Mutation("archive", jid, values)
    return (archive, Mutation("pin", jid, {"pinned": False})) if archived else (archive,)
