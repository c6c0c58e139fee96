"""Which chat a request means, and how it is called in the account's app state.

Everything works on the mirror, in the caller's transaction; nobody is asked over the network.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session as Transaction

from sessions.errors import InvalidInput, Problem
from sessions.jid import other_number, parse_chat_jid
from sessions.states import Device
from sessions.store import chats as rows


@dataclass(frozen=True, slots=True)
class Address:
    """What to call a chat in a mutation, and when its newest message was sent (Unix ms)."""

    jid: str
    last_message_at: int | None = None


def resolve_chat(
    transaction: Transaction, device_id: str, text: str, field: str = "chat_jid"
) -> str:
    """Return the JID that a client's text means.

    Plain numbers of Brazil, Mexico and Argentina have two forms, of which the one that the account
    knows is taken. Raises InvalidInput, also when both are known and are different people.
    """
    jid = parse_chat_jid(text, field)
    other = None if "@" in text else other_number(jid)
    if other is None:
        return jid
    known = _known(transaction, device_id, [jid, other])
    if known == {jid, other}:
        problem = f"Both {jid} and {other} are known: name one of them."
        raise InvalidInput([Problem(field, problem)])
    return known.pop() if known else jid


def find_address(transaction: Transaction, device: Device, jid: str) -> Address:
    """Return how a chat is called: a group as it is.

    A user by LID if the account calls people so, else as app state knows the chat already, else as
    given.
    """
    stored = rows.find(transaction, device.id, jid)
    if stored is None:
        lid = _lid_of(transaction, device.id, jid) if device.lid_migrated else None
        return Address(lid or jid)
    chat = stored.record
    if chat.is_group:
        return Address(jid, chat.last_message_at)
    by_lid = chat.lid if device.lid_migrated else None
    return Address(by_lid or chat.address or jid, chat.last_message_at)


def _known(transaction: Transaction, device_id: str, jids: list[str]) -> set[str]:
    chats = {stored.record.jid for stored in rows.load(transaction, device_id, jids)}
    paired = {number for _, number in rows.load_pairs(transaction, device_id, jids)}
    return (chats | paired) & set(jids)


def _lid_of(transaction: Transaction, device_id: str, jid: str) -> str | None:
    pairs = rows.load_pairs(transaction, device_id, [jid])
    return next((lid for lid, number in pairs if number == jid), None)
