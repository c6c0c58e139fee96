"""Slots for what goes on at once."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from sessions.admission import Admission
from sessions.config import Network, ServiceConfig
from sessions.errors import Overloaded
from sessions.storage import Storage
from sessions.store.database import Database
from sessions.times import utc_now


@pytest.fixture
def admission() -> Admission:
    """Three commands, three polls, two of them for one user."""
    config = ServiceConfig(
        Path(), Network.whatsapp(), command_slots=3, poll_slots=3, polls_per_user=2
    )
    return Admission(config, Storage(config, Database(Path()), utc_now))


def test_a_command_without_a_slot_is_refused_at_once(admission: Admission) -> None:
    """It doesn't wait, and a slot that is given back can be taken again."""
    with ExitStack() as held:
        for _ in range(3):
            held.enter_context(admission.command())
        with pytest.raises(Overloaded), admission.command():
            pass
    with admission.command():
        pass


def test_a_user_polls_only_so_often(admission: Admission) -> None:
    """One user can't take the slots of all."""
    with admission.poll("a") as first, admission.poll("a") as second, admission.poll("a") as third:
        assert (first, second, third) == (True, True, False)
        with admission.poll("b") as other:
            assert other
    with admission.poll("a") as again:
        assert again


def test_all_users_together_poll_only_so_often(admission: Admission) -> None:
    """When the slots are gone, nobody may wait."""
    with ExitStack() as held:
        for user in ("a", "a", "b"):
            assert held.enter_context(admission.poll(user))
        assert not held.enter_context(admission.poll("c"))


def test_a_failure_gives_the_slot_back(admission: Admission) -> None:
    """Slots don't leak through exceptions."""
    for _ in range(10):
        with pytest.raises(ZeroDivisionError), admission.command():
            raise ZeroDivisionError
