"""Waiting until something about a device is another matter than it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sessions.deadline import Deadline
from sessions.environment import Environment
from sessions.principals import Principal
from sessions.session import Session
from sessions.states import Device

T = TypeVar("T")

ASK_SECONDS = 5.0
"""So long a look at a device may take."""


def watch(  # noqa: PLR0913 - whose and which device, what to look at, and how long
    environment: Environment,
    principal: Principal,
    device: Device,
    *,
    look: Callable[[Session], T],
    is_old: Callable[[T, T], bool],
    wait: Deadline,
) -> T:
    """Return what `look` finds, once that is not old any more or the wait is over.

    `is_old` is asked about what was found first and what is found now. When too many wait already,
    it does not wait.
    """
    session = environment.registry.session_of(device)
    if wait.expired:
        return look(session)
    with environment.admission.poll(principal.user_id) as may_wait:
        seen = session.news
        first = present = look(session)
        while may_wait and is_old(first, present) and session.wait_for_news(seen, wait):
            seen = session.news
            present = look(session)
        return present
