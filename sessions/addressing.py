"""Which chat a request means, and how it is called in the account's app state.

Everything works on the mirror, in the caller's transaction; nobody is asked over the network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session as Transaction

from sessions.addresses import Address
from sessions.chat_records import ChatRecord
from sessions.errors import InvalidInput, Problem
from sessions.jid import other_number, parse_chat_jid
from sessions.states import DeviceKey
from sessions.store import chats as rows
from sessions.store import mirrors
from sessions.store.database import Database
from sessions.times import from_milliseconds


def resolve_chat(
    transaction: Transaction, device_id: str, text: str, field: str = "chat_jid"
) -> str:
    """Return the JID that a client's text means. Raises InvalidInput."""
    jid = parse_chat_jid(text, field)
    if "@" in text:
        return jid
    return resolve_numbers(transaction, device_id, {field: jid})[field]


def resolve_numbers(
    transaction: Transaction, device_id: str, numbers: Mapping[str, str]
) -> Mapping[str, str]:
    """Return the JIDs that plain numbers mean; both are by the field that names the number.

    Numbers of Brazil, Mexico and Argentina have two forms, of which the one that the account knows
    is taken. Raises InvalidInput when both are known and are different people.
    """
    forms = {field: {jid, other} for field, jid in numbers.items() if (other := other_number(jid))}
    known = _known(transaction, device_id, sorted({jid for pair in forms.values() for jid in pair}))
    found = {field: sorted(pair & known) for field, pair in forms.items()}
    problems = [
        Problem(field, f"Both {jids[0]} and {jids[1]} are known: name one of them.")
        for field, jids in found.items()
        if len(jids) > 1
    ]
    if problems:
        raise InvalidInput(problems)
    return {**numbers, **{field: jids[0] for field, jids in found.items() if jids}}


def resolve_now(database: Database, device: DeviceKey, text: str, field: str = "chat_jid") -> str:
    """Return the JID that a client's text means, in a transaction of its own; raises InvalidInput.

    The database is asked only where that depends on what the account knows.
    """
    jid = parse_chat_jid(text, field)
    if "@" in text or other_number(jid) is None:
        return jid
    with database.read() as transaction:
        return resolve_chat(transaction, device.device_id, text, field)


class MirrorAddresses:
    """An address book that knows what the mirror of a device knows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __call__(self, device: DeviceKey, jids: Sequence[str]) -> Sequence[Address]:
        """Give the addresses of chats: a group as it is.

        A user by LID if the account calls people so, else as app state knows the chat already, else
        as given.
        """
        with self._database.read() as transaction:
            is_migrated = mirrors.is_lid_migrated(transaction, device.device_id)
            chats = _by_name(transaction, device.device_id, jids)
            lids = _lids(transaction, device.device_id, jids) if is_migrated else {}
        return [_address(jid, chats.get(jid), lids) for jid in jids]


def _by_name(
    transaction: Transaction, device_id: str, jids: Sequence[str]
) -> dict[str, ChatRecord]:
    found: dict[str, ChatRecord] = {}
    for stored in rows.load(transaction, device_id, jids):
        found[stored.record.jid] = stored.record
        if stored.record.lid is not None:
            found[stored.record.lid] = stored.record
    return found


def _lids(transaction: Transaction, device_id: str, jids: Sequence[str]) -> dict[str, str]:
    return {number: lid for lid, number in rows.load_pairs(transaction, device_id, jids)}


def _address(jid: str, chat: ChatRecord | None, lids: Mapping[str, str]) -> Address:
    if chat is None:
        return Address(lids.get(jid, jid))
    newest = chat.last_message_at
    at = None if newest is None else from_milliseconds(newest)
    if chat.is_group:
        return Address(jid, at)
    return Address(lids.get(chat.jid) or chat.address or jid, at)


def _known(transaction: Transaction, device_id: str, jids: list[str]) -> set[str]:
    chats = {stored.record.jid for stored in rows.load(transaction, device_id, jids)}
    paired = {number for _, number in rows.load_pairs(transaction, device_id, jids)}
    return (chats | paired) & set(jids)
