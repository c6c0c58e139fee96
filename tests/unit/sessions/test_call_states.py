"""The states of a call: every state with every signal, and every order of events."""

from __future__ import annotations

from itertools import permutations

import pytest

from sessions.call_states import OPEN, TRANSITIONS, CallState, Signal, advance, signal_of_end

RINGING, REJECTING, REJECTED = CallState.RINGING, CallState.REJECTING, CallState.REJECTED
ACCEPTED, ENDED, MISSED = CallState.ACCEPTED_ELSEWHERE, CallState.ENDED, CallState.MISSED
# By hand, and in the order of Signal: what each state becomes. None: it can't be the first.
EXPECTED: dict[CallState | None, list[CallState | None]] = {
    None: [RINGING, MISSED, REJECTING, ACCEPTED, REJECTED, MISSED, ENDED, None],
    RINGING: [RINGING, RINGING, REJECTING, ACCEPTED, REJECTED, MISSED, ENDED, ENDED],
    REJECTING: [REJECTING, REJECTING, REJECTING, ACCEPTED, REJECTED, ENDED, ENDED, ENDED],
    REJECTED: [REJECTED, REJECTED, REJECTED, ACCEPTED, REJECTED, REJECTED, REJECTED, REJECTED],
    ACCEPTED: [ACCEPTED] * 8,
    ENDED: [ENDED, MISSED, ENDED, ACCEPTED, REJECTED, ENDED, ENDED, ENDED],
    MISSED: [MISSED, MISSED, MISSED, ACCEPTED, REJECTED, MISSED, MISSED, MISSED],
}
CASES = [
    (state, signal, after)
    for state, row in EXPECTED.items()
    for signal, after in zip(Signal, row, strict=True)
]


def test_the_table_knows_every_state() -> None:
    """None is left out, and what is over never opens again."""
    assert set(TRANSITIONS) == {None, *CallState} == set(EXPECTED)
    for state, following in TRANSITIONS.items():
        if state is not None and state not in OPEN:
            assert OPEN.isdisjoint(following.values())


@pytest.mark.parametrize(("state", "signal", "after"), CASES)
def test_transition(state: CallState | None, signal: Signal, after: CallState | None) -> None:
    """Each state becomes what is written here by hand."""
    if after is None:
        with pytest.raises(KeyError):
            advance(state, signal)
    else:
        assert advance(state, signal) is after


def run(signals: tuple[Signal, ...]) -> CallState:
    """Return the state after signals."""
    state: CallState | None = None
    for signal in signals:
        state = advance(state, signal)
    assert state is not None
    return state


@pytest.mark.parametrize("offer", [Signal.OFFERED, Signal.OFFERED_LATE])
@pytest.mark.parametrize("end", [Signal.ENDED, Signal.TIMED_OUT])
def test_the_order_of_events_does_not_matter(offer: Signal, end: Signal) -> None:
    """An offer and further events lead to one state, in any order and also repeated."""
    for others in ((), (Signal.ACCEPTED,), (Signal.REJECTED,), (Signal.ACCEPTED, Signal.REJECTED)):
        events = (offer, end, *others)
        outcomes = {run(order) for order in permutations(events)}
        outcomes |= {run((*order, *order)) for order in permutations(events)}
        assert len(outcomes) == 1, others


@pytest.mark.parametrize(
    ("reason", "signal"),
    [
        (None, Signal.ENDED),
        ("", Signal.ENDED),
        ("hangup", Signal.ENDED),
        ("timeout", Signal.TIMED_OUT),
        ("accepted_elsewhere", Signal.ACCEPTED),
        ("rejected_elsewhere", Signal.REJECTED),
    ],
)
def test_reasons(reason: str | None, signal: Signal) -> None:
    """A reason that says more than that a call is over is understood."""
    assert signal_of_end(reason) is signal
