"""Whose turn it is: fair among tenants, and nobody waits for receivers that don't answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sessions.webhooks.agenda import PLACES, Agenda, Turn

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
LATER = NOW + timedelta(seconds=2)
PROMPT, LAGGING, PER_TENANT = 24, 8, 8
PROMPT_OF_TENANT = LAGGING_OF_TENANT = 4


def turns(
    count: int, *, tenant: str | None = None, kind: str = "well", is_failing: bool = False
) -> list[Turn]:
    """Make turns that are due, of one tenant, or of one each."""
    names = [f"{kind} {number}" for number in range(count)]
    return [Turn(name, tenant or name, NOW, is_failing=is_failing) for name in names]


def agenda_of(waiting: Sequence[Turn]) -> Agenda:
    """Make an agenda with turns on it."""
    agenda = Agenda()
    for turn in waiting:
        agenda.add(turn)
    return agenda


def take_all(agenda: Agenda, now: datetime = NOW) -> list[Turn]:
    """Begin every turn that may run."""
    taken: list[Turn] = []
    while turn := agenda.take(now):
        taken.append(turn)
    return taken


def test_a_tenant_has_few_turns_at_once() -> None:
    """Whoever has many devices leaves places to others, whether they fail, hang or do neither."""
    other = turns(1)
    agenda = agenda_of([*turns(20, tenant="large", kind="large"), *other])
    assert len(take_all(agenda)) == PROMPT_OF_TENANT + len(other)
    assert len(take_all(agenda, LATER)) == PER_TENANT - PROMPT_OF_TENANT
    assert take_all(agenda, LATER + timedelta(hours=1)) == []


def test_a_tenant_that_fails_goes_on_where_it_does_not() -> None:
    """The receivers of one tenant that fail leave places to its others."""
    well = turns(2, tenant="large")
    failing = turns(20, tenant="large", kind="failing", is_failing=True)
    agenda = agenda_of([*failing, *well])
    taken = take_all(agenda)
    assert len(taken) == LAGGING_OF_TENANT + len(well)
    assert taken[-len(well) :] == well


def test_those_that_fail_have_places_of_their_own() -> None:
    """However many fail, also as an earlier process has left them, the others have their turns."""
    well = turns(3)
    agenda = agenda_of([*turns(100, kind="failing", is_failing=True), *well])
    taken = take_all(agenda)
    assert len(taken) == LAGGING + len(well)
    assert taken[-len(well) :] == well


def test_those_that_hang_give_way() -> None:
    """Receivers that die together hold the others up for two seconds, and only if they are many."""
    agenda = agenda_of(turns(PROMPT, kind="dying"))
    assert len(take_all(agenda)) == PROMPT
    well = turns(PLACES - PROMPT)
    for turn in well:
        agenda.add(turn)
    assert take_all(agenda) == []
    assert take_all(agenda, LATER) == well


def test_lagging_until_prompt_again() -> None:
    """A turn that failed or took long makes a receiver lag; one that did neither ends that."""
    waiting = turns(LAGGING + 2)
    agenda = agenda_of(waiting)
    for turn in take_all(agenda):
        agenda.finish(turn, LATER, due_at=NOW, is_failing=False)
    first, *others = take_all(agenda, LATER)
    assert len(others) == LAGGING - 1
    agenda.finish(first, LATER, due_at=LATER, is_failing=False)
    freed, again = take_all(agenda, LATER)
    assert (freed, again.device_id) == (waiting[LAGGING], first.device_id)
    agenda.finish(first, LATER, due_at=LATER, is_failing=True)
    assert take_all(agenda, LATER) == []


def test_a_device_has_one_turn_at_once() -> None:
    """What happens meanwhile gives it another one afterwards, and one in haste comes first."""
    (turn,) = turns(1)
    agenda = agenda_of([turn, turn])
    assert take_all(agenda) == [turn]
    agenda.add(turn)
    assert take_all(agenda) == []
    agenda.finish(turn, NOW, due_at=None, is_failing=False)
    assert take_all(agenda) == [turn]
    soon = Turn(turn.device_id, turn.tenant_id, NOW)
    agenda.hasten(soon)
    agenda.finish(turn, NOW, due_at=LATER, is_failing=True)
    assert take_all(agenda) == [soon]


def test_the_end_of_a_turn_says_how_its_receiver_is() -> None:
    """What was known before it, and put on the agenda meanwhile, no longer counts."""
    [turn] = turns(1)
    agenda = agenda_of([turn])
    assert agenda.take(NOW) == turn
    agenda.add(replace(turn, is_failing=True))
    agenda.finish(turn, NOW, due_at=None, is_failing=False)
    for other in turns(LAGGING, kind="failing", is_failing=True):
        agenda.add(other)
    assert len(take_all(agenda)) == LAGGING + 1
