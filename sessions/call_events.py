"""What the bridge's events of calls change: one row a call, and each kind of event once in the log.

Events are read first (pure) and applied afterwards, in the transaction of their batch. They may be
repeated, and come in any order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sessions.call_records import to_call
from sessions.call_rules import FRESH, Incoming, rejects, replies
from sessions.call_states import OPEN, UNCONFIRMED, CallState, Signal, signal_of_end
from sessions.jid import is_person, without_device
from sessions.mirror import Mirror
from sessions.mirror_events import learn_pair
from sessions.store import call_settings
from sessions.store import calls as rows
from sessions.store.models import CallRow
from sessions.times import from_milliseconds
from sessions.work import Work

RING_LIFE = timedelta(minutes=3)
"""A call of which nothing more is heard for so long rings no longer; WhatsApp's end after one."""
_LONGEST_ID = 128
_LONGEST_JID = 80
_LONGEST_REASON = 64
_MEDIA = ("audio", "video")
_SIGNALS = {"call.accept": Signal.ACCEPTED, "call.reject": Signal.REJECTED}


@dataclass(frozen=True, slots=True)
class Stanza:
    """What every event of a call says: which call, and whose, as WhatsApp wrote it."""

    call_id: str
    sender: str
    creator: str
    at: int

    @property
    def caller(self) -> str:
        """Who calls, without a device part. In a group the sender may be the group."""
        person = self.sender if is_person(self.sender) else self.creator
        return without_device(person)


@dataclass(frozen=True, slots=True)
class Offer:
    """Somebody calls. `number` and `lid` are the caller's; None is unknown."""

    stanza: Stanza
    event: str
    media: str | None
    group_jid: str | None
    number: str | None
    lid: str | None
    offered_at: datetime


@dataclass(frozen=True, slots=True)
class End:
    """A call rings no longer, for a reason or without one."""

    stanza: Stanza
    event: str
    signal: Signal
    reason: str | None


def read_offer(data: Mapping[str, Any], at: int) -> Offer:
    """Read the data of a `call.offer`. Raises KeyError, TypeError or ValueError."""
    media = data.get("media")
    return Offer(
        stanza=_read_stanza(data, at),
        event="call.offer_notice" if data.get("notice") else "call.offer",
        media=media if media in _MEDIA else None,
        group_jid=_read_jid(data.get("group_jid")),
        number=_read_jid(data.get("caller_pn")),
        lid=_read_jid(data.get("caller_lid")),
        offered_at=from_milliseconds(int(data["offered_at"])),
    )


def read_end(event: str, data: Mapping[str, Any], at: int) -> End:
    """Read the data of an accept, a reject or a terminate. Raises as `read_offer` does."""
    reason = data.get("reason")
    reason = None if reason is None else str(reason)[:_LONGEST_REASON]
    signal = _SIGNALS.get(event) or signal_of_end(reason)
    return End(_read_stanza(data, at), event, signal, reason)


def apply_offer(work: Work, mirror: Mirror, offer: Offer) -> None:
    """Note a call, and decide what is to be done about one that is new and not stale."""
    now = from_milliseconds(work.now)
    is_late = now - offer.offered_at > FRESH
    signal = Signal.OFFERED_LATE if is_late else Signal.OFFERED
    learn_pair(mirror, offer.number, offer.lid, at=offer.stanza.at)
    row, is_new = _obtain(mirror, offer.stanza, signal, now=now)
    if row.offered_at is None:
        work.calls += 1
        if not is_new:
            rows.move(row, signal)
        if row.state == CallState.RINGING:
            row.open_until = now + RING_LIFE
        _describe(mirror, row, offer)
        if not is_late:
            _decide(mirror, row, now)
    log_call(mirror, row, offer.event, at=offer.stanza.at)


def apply_end(work: Work, mirror: Mirror, end: End) -> None:
    """Note that a call rings no longer."""
    row, is_new = _obtain(mirror, end.stanza, end.signal, now=from_milliseconds(work.now))
    moved = is_new or rows.move(row, end.signal)
    if row.state not in OPEN and row.ended_at is None:
        row.ended_at = from_milliseconds(end.stanza.at)
    if moved or row.reason in (None, UNCONFIRMED):
        row.reason = end.reason
    log_call(mirror, row, end.event, at=end.stanza.at)


def log_call(mirror: Mirror, row: CallRow, event: str, *, at: int) -> None:
    """Append an event with the call as its data to the log, unless the call has it there."""
    logged = row.logged.split()
    if event not in logged:
        row.logged = " ".join([*logged, event])
        _identify(mirror, row)
        mirror.log(event, to_call(row).to_event(), at=at)


def _obtain(
    mirror: Mirror, stanza: Stanza, signal: Signal, *, now: datetime
) -> tuple[CallRow, bool]:
    row = rows.find(mirror.transaction, mirror.device_id, stanza.call_id)
    if row is not None:
        return row, False
    row = rows.add(
        mirror.transaction,
        mirror.device_id,
        stanza.call_id,
        signal=signal,
        stanza_from=stanza.sender,
        creator=stanza.creator,
        caller=stanza.caller,
        at=now,
    )
    return row, True


def _describe(mirror: Mirror, row: CallRow, offer: Offer) -> None:
    row.offered_at, row.media, row.group_jid = offer.offered_at, offer.media, offer.group_jid
    row.stanza_from, row.creator = offer.stanza.sender, offer.stanza.creator
    row.caller, row.number, row.lid = offer.stanza.caller, offer.number, offer.lid
    _identify(mirror, row)


def _identify(mirror: Mirror, row: CallRow) -> None:
    """Note what is known of who calls, besides what the offer says."""
    known = {jid for jid in (row.caller, row.number, row.lid) if jid is not None}
    mirror.load(known)
    for jid in sorted(known):
        number, lid = mirror.pair_of(jid)
        row.number, row.lid = row.number or number, row.lid or lid


def _decide(mirror: Mirror, row: CallRow, now: datetime) -> None:
    """Mark what the settings want to be done; it is done once the batch is committed."""
    settings = call_settings.find(mirror.transaction, mirror.device_id)
    named = (row.caller, row.number, row.lid)
    chats = [mirror.find(jid) for jid in named if jid is not None]
    incoming = Incoming(
        jids=frozenset(jid for jid in (*named, row.group_jid) if jid is not None),
        is_group=row.group_jid is not None,
        is_known=any(chat is not None and chat.contact_name is not None for chat in chats),
    )
    row.reject_due = row.state == CallState.RINGING and rejects(settings, incoming)
    if is_person(row.caller) and replies(settings.auto_reply, is_rejected=row.reject_due):
        row.reply_due = True
    rows.settle(row, retry_at=now)


def _read_stanza(data: Mapping[str, Any], at: int) -> Stanza:
    call_id, sender = str(data["call_id"]), _read_jid(data["from"])
    if sender is None or not 1 <= len(call_id) <= _LONGEST_ID:
        raise ValueError("not a call")
    return Stanza(call_id, sender, _read_jid(data.get("creator")) or sender, at)


def _read_jid(value: object) -> str | None:
    if value is None or value == "":
        return None
    jid = str(value)
    if "@" not in jid or len(jid) > _LONGEST_JID:
        raise ValueError("not a JID")
    return jid
