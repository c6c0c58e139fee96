"""A call as it is shown, in answers and in events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sessions.call_states import CallState
from sessions.jid import phone_number_of
from sessions.store.models import CallRow
from sessions.times import to_milliseconds, to_rfc3339


@dataclass(frozen=True, slots=True)
class Call:
    """An incoming call; None is unknown. `caller` is a JID without a device part.

    `reject_acknowledged`: whether WhatsApp took the reject that was sent; that ends no call.
    """

    call_id: str
    caller: str
    phone_number: str | None
    group_jid: str | None
    media: str | None
    state: CallState
    reason: str | None
    offered_at: datetime | None
    ended_at: datetime | None
    auto_rejected: bool
    auto_replied: bool
    reject_acknowledged: bool | None

    def to_event(self) -> dict[str, Any]:
        """Return it as the data of an event: the row of the answers."""
        row = {
            "call_id": self.call_id,
            "from": self.caller,
            "phone_number": self.phone_number,
            "group_jid": self.group_jid,
            "media": self.media,
            "state": self.state.value,
            "reason": self.reason,
            "offered_at": _write(self.offered_at),
            "ended_at": _write(self.ended_at),
            "auto_rejected": self.auto_rejected,
            "auto_replied": self.auto_replied,
            "reject_acknowledged": self.reject_acknowledged,
        }
        return {name: value for name, value in row.items() if value is not None}


def to_call(row: CallRow, number: str | None = None) -> Call:
    """Return a row as it is shown; `number` is the caller's if it was learned later."""
    return Call(
        call_id=row.call_id,
        caller=row.caller,
        phone_number=phone_number_of(row.number or number),
        group_jid=row.group_jid,
        media=row.media,
        state=CallState(row.state),
        reason=row.reason,
        offered_at=row.offered_at,
        ended_at=row.ended_at,
        auto_rejected=row.auto_rejected,
        auto_replied=row.replied_at is not None,
        reject_acknowledged=row.reject_acknowledged,
    )


def _write(moment: datetime | None) -> str | None:
    return None if moment is None else to_rfc3339(to_milliseconds(moment))
