"""The use cases of chats.

They raise InvalidInput, and what `Choices.choose`, the admission and the session raise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sessions.addresses import Address
from sessions.addressing import resolve_now, resolve_numbers
from sessions.app_state import Change, Mutation
from sessions.choices import Choices
from sessions.deadline import Deadline
from sessions.environment import Environment
from sessions.errors import DeviceError, InvalidInput, Problem, ServiceError
from sessions.jid import other_number, parse_chat_jid
from sessions.principals import Principal
from sessions.states import DeviceKey
from sessions.times import to_milliseconds

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class ChatOutcome:
    """What became of one chat of many; `error` None: the server has accepted its change."""

    chat_jid: str
    error: ServiceError | None


class Chats:
    """Changes how chats are kept, for all devices of the account.

    Each change returns the normalised JID once the server has accepted it.
    """

    def __init__(self, environment: Environment, choices: Choices) -> None:
        self._environment = environment
        self._choices = choices

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
        """Archive a chat or bring it back."""
        change = self._archive(archived=archived, given=last_message_timestamp)
        return self._change(
            principal, chat_jid, change=change, device_id=device_id, deadline=deadline
        )

    def archive_many(
        self,
        principal: Principal,
        chat_jids: Sequence[str],
        *,
        archived: bool,
        device_id: str | None,
        deadline: Deadline,
    ) -> Sequence[ChatOutcome]:
        """Archive chats or bring them back; returns an outcome for each, in order.

        What all of them fail of, because of the device and not of a chat, is raised.
        """
        parsed = _parse_all(chat_jids)
        change = self._archive(archived=archived, given=None)
        with self._environment.admission.command():
            device = self._choices.choose(principal, device_id)
            session = self._environment.registry.find(device)
            named = self._resolve_all(device, chat_jids, parsed)
            jids = list(dict.fromkeys(named))
            errors = session.apply_all(change, jids, deadline=deadline)
        _raise_common(errors)
        outcomes = dict(zip(jids, errors, strict=True))
        return [ChatOutcome(jid, outcomes[jid]) for jid in named]

    def mute(  # noqa: PLR0913 - one name for each part of the request
        self,
        principal: Principal,
        chat_jid: str,
        *,
        muted: bool,
        duration: timedelta | None,
        device_id: str | None,
        deadline: Deadline,
    ) -> str:
        """Mute a chat, for ever without a duration, or unmute it."""
        until = None if duration is None else self._environment.now() + duration
        change = Change(
            "regular_high",
            frozenset({"mute"}),
            lambda known: build_mute(known.jid, muted=muted, until=until),
        )
        return self._change(
            principal, chat_jid, change=change, device_id=device_id, deadline=deadline
        )

    def pin(
        self,
        principal: Principal,
        chat_jid: str,
        *,
        pinned: bool,
        device_id: str | None,
        deadline: Deadline,
    ) -> str:
        """Pin a chat or unpin it."""
        change = Change(
            "regular_low",
            frozenset({"pin", "archive"} if pinned else {"pin"}),
            lambda known: build_pin(known.jid, pinned=pinned, range_end=self._range_end(known)),
        )
        return self._change(
            principal, chat_jid, change=change, device_id=device_id, deadline=deadline
        )

    def mark(  # noqa: PLR0913 - one name for each part of the request
        self,
        principal: Principal,
        chat_jid: str,
        *,
        read: bool,
        last_message_timestamp: datetime | None,
        device_id: str | None,
        deadline: Deadline,
    ) -> str:
        """Mark a chat as read or unread."""

        def build(known: Address) -> Sequence[Mutation]:
            range_end = last_message_timestamp or self._range_end(known)
            return build_read(known.jid, read=read, range_end=range_end)

        return self._change(
            principal,
            chat_jid,
            change=Change("regular_low", frozenset({"read"}), build),
            device_id=device_id,
            deadline=deadline,
        )

    def _archive(self, *, archived: bool, given: datetime | None) -> Change:
        def build(known: Address) -> Sequence[Mutation]:
            range_end = given or self._range_end(known)
            return build_archive(known.jid, archived=archived, range_end=range_end)

        types = frozenset({"archive", "pin"} if archived else {"archive"})
        return Change("regular_low", types, build)

    def _change(
        self,
        principal: Principal,
        chat_jid: str,
        *,
        change: Change,
        device_id: str | None,
        deadline: Deadline,
    ) -> str:
        parse_chat_jid(chat_jid)
        with self._environment.admission.command():
            device = self._choices.choose(principal, device_id)
            session = self._environment.registry.find(device)
            jid = resolve_now(self._environment.database, device, chat_jid)
            session.apply(change, jid, deadline=deadline)
        return jid

    def _resolve_all(
        self, device: DeviceKey, texts: Sequence[str], jids: Sequence[str]
    ) -> Sequence[str]:
        """Return the JIDs that are meant; errors name each `chat_jids[3]` that is two people."""
        numbers = {
            _field(position): jid
            for position, (text, jid) in enumerate(zip(texts, jids, strict=True))
            if "@" not in text and other_number(jid) is not None
        }
        if not numbers:
            return jids
        with self._environment.database.read() as transaction:
            meant = resolve_numbers(transaction, device.device_id, numbers)
        return [meant.get(_field(position), jid) for position, jid in enumerate(jids)]

    def _range_end(self, known: Address) -> datetime:
        """Return a time after every message so far; clocks of senders may be ahead of ours."""
        now = self._environment.now()
        newest = known.newest_message_at
        return now if newest is None else max(now, newest + _SECOND)


def build_archive(jid: str, *, archived: bool, range_end: datetime) -> Sequence[Mutation]:
    """Return what archiving means: it also unpins, as in WhatsApp Web. Bringing back is one change.

    `range_end` is the time of the last message that the phone shall count as archived.
    """
    values = {"archived": archived, "range_at": to_milliseconds(range_end)}
    archive = Mutation("archive", jid, values)
    return (archive, Mutation("pin", jid, {"pinned": False})) if archived else (archive,)


def build_mute(jid: str, *, muted: bool, until: datetime | None) -> Sequence[Mutation]:
    """Return what muting until a time (None: for ever) means, or unmuting, which has no end."""
    values: dict[str, bool | int] = {"muted": muted}
    if muted and until is not None:
        values["muted_until"] = to_milliseconds(until)
    return (Mutation("mute", jid, values),)


def build_pin(jid: str, *, pinned: bool, range_end: datetime) -> Sequence[Mutation]:
    """Return what pinning means: it also brings the chat back, as in WhatsApp Web."""
    pin = Mutation("pin", jid, {"pinned": pinned})
    back = build_archive(jid, archived=False, range_end=range_end)
    return (pin, *back) if pinned else (pin,)


def build_read(jid: str, *, read: bool, range_end: datetime) -> Sequence[Mutation]:
    """Return what marking as read or unread means; `range_end` as in `build_archive`."""
    return (Mutation("read", jid, {"read": read, "range_at": to_milliseconds(range_end)}),)


def _field(position: int) -> str:
    return f"chat_jids[{position}]"


def _parse_all(chat_jids: Sequence[str]) -> list[str]:
    """Normalise JIDs. Raises InvalidInput, which names every one that is wrong."""
    jids: list[str] = []
    problems: list[Problem] = []
    for position, text in enumerate(chat_jids):
        try:
            jids.append(parse_chat_jid(text, _field(position)))
        except InvalidInput as error:
            problems.extend(error.problems)
    if problems:
        raise InvalidInput(problems)
    return jids


def _raise_common(errors: Sequence[ServiceError | None]) -> None:
    """Raise the error of all, unless it is about each chat for itself."""
    first = errors[0]
    if first is None or _is_of_one_chat(first):
        return
    if all(type(error) is type(first) for error in errors):
        raise first


def _is_of_one_chat(error: ServiceError) -> bool:
    # What passes by itself is WhatsApp's trouble, and not that of a chat which it refuses.
    return isinstance(error, DeviceError) and error.retry_after is None
