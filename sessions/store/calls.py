"""Rows of calls, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, delete, func, or_, select
from sqlalchemy.orm import Session as Transaction

from sessions.call_records import Call, to_call
from sessions.call_rules import HOUR, Replies
from sessions.call_states import OPEN, UNCONFIRMED, CallState, Signal, advance
from sessions.paging import Page, PageRequest
from sessions.states import DeviceKey
from sessions.store.models import CallRow, DeviceRow, PairRow
from sessions.times import from_milliseconds, to_milliseconds

CONFIRM_WITHIN = timedelta(seconds=60)
"""So long a call stays rejected by us without a word of WhatsApp's."""


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls: in a state, of a caller (any of his JIDs), heard of since a time."""

    state: CallState | None = None
    callers: frozenset[str] | None = None
    since: datetime | None = None


def find(transaction: Transaction, device_id: str, call_id: str) -> CallRow | None:
    """Find the row of a call, to work on."""
    return transaction.get(CallRow, (device_id, call_id))


def add(  # noqa: PLR0913 - one name for each column that the others have no value for
    transaction: Transaction,
    device_id: str,
    call_id: str,
    *,
    signal: Signal,
    stanza_from: str,
    creator: str,
    caller: str,
    at: datetime,
) -> CallRow:
    """Insert a call that was not known, as its first signal leaves it."""
    row = CallRow(
        device_id=device_id,
        call_id=call_id,
        state=advance(None, signal),
        stanza_from=stanza_from,
        creator=creator,
        caller=caller,
        noted_at=at,
        reject_due=False,
        reply_due=False,
        auto_rejected=False,
        logged="",
    )
    transaction.add(row)
    return row


def show(transaction: Transaction, device_id: str, call_id: str) -> Call | None:
    """Find a call as it is shown."""
    query = _shown(device_id).where(CallRow.call_id == call_id)
    found = transaction.execute(query).first()
    return None if found is None else to_call(found[0], found[1])


def fetch(
    transaction: Transaction, device_id: str, wanted: CallFilter, *, page: PageRequest
) -> Page[Call]:
    """Fetch a page of calls, those first that were heard of last."""
    query = _shown(device_id).order_by(CallRow.noted_at.desc(), CallRow.call_id.desc())
    if wanted.state is not None:
        query = query.where(CallRow.state == wanted.state)
    if wanted.since is not None:
        query = query.where(CallRow.noted_at >= wanted.since)
    if wanted.callers is not None:
        query = query.where(_is_from(wanted.callers))
    if page.after is not None:
        before, last_id = from_milliseconds(page.after[0]), page.after[1]
        same = and_(CallRow.noted_at == before, CallRow.call_id < last_id)
        query = query.where(or_(CallRow.noted_at < before, same))
    found = list(transaction.execute(query.limit(page.limit + 1)))
    shown = found[: page.limit]
    calls = [to_call(row, number) for row, number in shown]
    if len(found) == len(shown):
        return Page(calls)
    last = shown[-1][0]
    return Page(calls, (to_milliseconds(last.noted_at), last.call_id))


def due_devices(transaction: Transaction, now: datetime) -> Sequence[DeviceKey]:
    """List the devices that have calls with something to do."""
    query = (
        select(DeviceRow.tenant_id, DeviceRow.id)
        .join(CallRow, DeviceRow.id == CallRow.device_id)
        .where(CallRow.due_at <= now)
        .distinct()
    )
    return [DeviceKey(row[0], row[1]) for row in transaction.execute(query)]


def due_calls(
    transaction: Transaction, device_id: str, now: datetime, *, most: int
) -> Sequence[str]:
    """List the calls of a device with something to do, the oldest first."""
    query = (
        select(CallRow.call_id)
        .where(CallRow.device_id == device_id, CallRow.due_at <= now)
        .order_by(CallRow.noted_at, CallRow.call_id)
        .limit(most)
    )
    return transaction.scalars(query).all()


def has_unheard(transaction: Transaction, now: datetime) -> bool:
    """Tell whether nothing more was heard of any call in the time that it had."""
    query = select(CallRow.call_id).where(CallRow.open_until <= now).limit(1)
    return transaction.scalar(query) is not None


def give_up(transaction: Transaction, now: datetime) -> None:
    """End the calls of which nothing more was heard; when they ended is not known."""
    for row in transaction.scalars(select(CallRow).where(CallRow.open_until <= now)):
        row.state = advance(CallState(row.state), Signal.UNCONFIRMED)
        row.reason = UNCONFIRMED
        row.open_until = None


def past_replies(transaction: Transaction, row: CallRow, now: datetime) -> Replies:
    """Return the replies of the call's device: those that went out, and those before it in line."""
    own = CallRow.device_id == row.device_id
    callers = {jid for jid in (row.caller, row.number, row.lid) if jid is not None}
    at_once = and_(CallRow.noted_at == row.noted_at, CallRow.call_id < row.call_id)
    is_before = or_(CallRow.noted_at < row.noted_at, at_once)
    is_answered = or_(CallRow.replied_at.is_not(None), and_(CallRow.reply_due, is_before))
    answered_at = func.coalesce(CallRow.replied_at, CallRow.noted_at)
    newest = select(func.max(answered_at)).where(own, is_answered, _is_from(callers))
    recent = select(func.count()).where(own, CallRow.replied_at > now - HOUR)
    return Replies(transaction.scalar(newest), transaction.scalar(recent) or 0)


def remove_before(transaction: Transaction, moment: datetime) -> None:
    """Delete the calls that were first heard of before a moment."""
    transaction.execute(delete(CallRow).where(CallRow.noted_at < moment))


def erase(transaction: Transaction, device_id: str) -> None:
    """Delete all calls of a device, which is linked to another account now."""
    transaction.execute(delete(CallRow).where(CallRow.device_id == device_id))


def move(row: CallRow, signal: Signal) -> bool:
    """Let something happen to a call; returns whether its state is another one."""
    before, row.state = row.state, advance(CallState(row.state), signal)
    if row.state not in OPEN:
        row.open_until = None
    return row.state != before


def note_reject(row: CallRow, *, acknowledged: bool, at: datetime) -> None:
    """Note that a reject was sent, and whether WhatsApp took it."""
    move(row, Signal.REJECT_SENT)
    row.reject_acknowledged = acknowledged or bool(row.reject_acknowledged)
    if row.state == CallState.REJECTING:
        row.open_until = at + CONFIRM_WITHIN


def stanza_of(row: CallRow) -> dict[str, str]:
    """Return what names a call to WhatsApp."""
    return {"call_id": row.call_id, "from": row.stanza_from, "creator": row.creator}


def settle(row: CallRow, *, retry_at: datetime | None = None) -> None:
    """Note when what is left to do is tried next; with nothing left, never."""
    row.due_at = retry_at if row.reject_due or row.reply_due else None


def _shown(device_id: str) -> Select[CallRow, str]:
    """Select rows with the number that their LIDs have, as far as the device was told."""
    is_same = and_(PairRow.device_id == CallRow.device_id, PairRow.lid == CallRow.lid)
    query = select(CallRow, PairRow.pn).outerjoin(PairRow, is_same)
    return query.where(CallRow.device_id == device_id)


def _is_from(callers: Collection[str]) -> ColumnElement[bool]:
    return or_(CallRow.caller.in_(callers), CallRow.number.in_(callers), CallRow.lid.in_(callers))
