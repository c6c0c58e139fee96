"""The states of a call, and what leads from one to another: a table, in any order of events.

What says more wins, whichever comes first: that a call was accepted or rejected over that it is
over, and that over a late offer. What is not in the table changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class CallState(StrEnum):
    """How a call stands, as far as is known here."""

    RINGING = "ringing"
    REJECTING = "rejecting"
    REJECTED = "rejected"
    ACCEPTED_ELSEWHERE = "accepted_elsewhere"
    ENDED = "ended"
    MISSED = "missed"


class Signal(StrEnum):
    """What can happen to a call."""

    OFFERED = "offered"
    OFFERED_LATE = "offered_late"
    REJECT_SENT = "reject_sent"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    TIMED_OUT = "timed_out"
    ENDED = "ended"
    UNCONFIRMED = "unconfirmed"


OPEN = frozenset({CallState.RINGING, CallState.REJECTING})
"""In these a call may still ring."""

UNCONFIRMED = "unconfirmed"
"""The reason of a call that is taken for ended because nothing more was heard of it."""

_CLOSING = {
    Signal.ACCEPTED: CallState.ACCEPTED_ELSEWHERE,
    Signal.REJECTED: CallState.REJECTED,
    Signal.ENDED: CallState.ENDED,
}
TRANSITIONS: Mapping[CallState | None, Mapping[Signal, CallState]] = MappingProxyType(
    {
        None: {
            **_CLOSING,
            Signal.OFFERED: CallState.RINGING,
            Signal.OFFERED_LATE: CallState.MISSED,
            Signal.REJECT_SENT: CallState.REJECTING,
            Signal.TIMED_OUT: CallState.MISSED,
        },
        CallState.RINGING: {
            **_CLOSING,
            Signal.REJECT_SENT: CallState.REJECTING,
            Signal.TIMED_OUT: CallState.MISSED,
            Signal.UNCONFIRMED: CallState.ENDED,
        },
        CallState.REJECTING: {
            **_CLOSING,
            Signal.TIMED_OUT: CallState.ENDED,
            Signal.UNCONFIRMED: CallState.ENDED,
        },
        CallState.ENDED: {
            Signal.OFFERED_LATE: CallState.MISSED,
            Signal.ACCEPTED: CallState.ACCEPTED_ELSEWHERE,
            Signal.REJECTED: CallState.REJECTED,
        },
        CallState.MISSED: {
            Signal.ACCEPTED: CallState.ACCEPTED_ELSEWHERE,
            Signal.REJECTED: CallState.REJECTED,
        },
        CallState.REJECTED: {Signal.ACCEPTED: CallState.ACCEPTED_ELSEWHERE},
        CallState.ACCEPTED_ELSEWHERE: {},
    }
)
"""By state (None: never heard of the call) and signal, the next state."""

_SIGNALS: Mapping[str, Signal] = MappingProxyType(
    {
        "accepted_elsewhere": Signal.ACCEPTED,
        "rejected_elsewhere": Signal.REJECTED,
        "timeout": Signal.TIMED_OUT,
    }
)


def advance(state: CallState | None, signal: Signal) -> CallState:
    """Return the state after a signal. Raises KeyError for one that can't be the first."""
    after = TRANSITIONS[state].get(signal, state)
    if after is None:
        raise KeyError(signal)
    return after


def signal_of_end(reason: str | None) -> Signal:
    """Return what the end of a call means, by the reason that WhatsApp gives."""
    return _SIGNALS.get(reason or "", Signal.ENDED)
