"""Group commit: many requests for changes of one collection become few patches.

A request brings the *set* of mutations that its command means. While a patch is in flight, sets
gather here; a set that overlaps a waiting one of the same chat takes its place, together with the
requests that wait for it. Thus no index is twice in a patch, which would break its hash at every
verifier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from sessions.deadline import Deadline
from sessions.errors import DeviceError, ServiceError
from sessions.waiting import Waiter

MAX_MUTATIONS = 100
"""WhatsApp Web puts no more into one patch."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """One entry of a patch, as the bridge takes it: its type, its chat and what is set."""

    type: str
    chat_jid: str
    values: Mapping[str, Any]

    @property
    def index(self) -> tuple[str, str]:
        """What it overwrites: two mutations of one index exclude each other in a patch."""
        return (self.type, self.chat_jid)

    def to_bridge(self) -> dict[str, Any]:
        """Return the mutation of the bridge's `app_state.apply`."""
        return {"type": self.type, "chat_jid": self.chat_jid, **self.values}


@dataclass(frozen=True, slots=True, eq=False)
class MutationRequest:
    """A request that wants one set of mutations of one chat accepted, all in one patch."""

    mutations: Sequence[Mutation]
    deadline: Deadline
    waiter: Waiter[None]
    arrived_at: float


@dataclass(frozen=True, slots=True, eq=False)
class MutationSet:
    """Mutations that go together, and the requests that they decide: the newest made them."""

    mutations: Sequence[Mutation]
    requests: Sequence[MutationRequest]

    @property
    def waited_for_by(self) -> list[MutationRequest]:
        """The requests that still wait."""
        return [request for request in self.requests if not request.waiter.is_settled]

    def overlaps(self, mutations: Iterable[Mutation]) -> bool:
        """Whether any of the mutations overwrites one of this set."""
        own = {mutation.index for mutation in self.mutations}
        return any(mutation.index in own for mutation in mutations)

    def accept(self) -> None:
        """Let the requests succeed."""
        for request in self.requests:
            request.waiter.succeed(None)

    def fail(self, make_error: Callable[[], ServiceError]) -> None:
        """Let the requests fail, each with an error of its own."""
        for request in self.requests:
            request.waiter.fail(make_error())


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """Sets that travel together. It runs to the latest deadline of those who wait for it."""

    sets: Sequence[MutationSet]
    deadline: Deadline
    arrived_at: float

    @property
    def mutations(self) -> list[Mutation]:
        """The mutations, in the order of the sets."""
        return [mutation for one in self.sets for mutation in one.mutations]

    def fail(self, make_error: Callable[[], ServiceError]) -> None:
        """Let every request of every set fail."""
        for one in self.sets:
            one.fail(make_error)

    def settle(self, rejected: Iterable[int]) -> None:
        """Hand out the outcome of an accepted patch, of which these positions were refused."""
        refused = set(rejected)
        position = 0
        for one in self.sets:
            own = range(position, position + len(one.mutations))
            position = own.stop
            if refused.isdisjoint(own):
                one.accept()
            else:
                one.fail(DeviceError)


class Merger:
    """The sets of one collection that wait for a patch: no index is in two of them."""

    def __init__(self) -> None:
        self._sets: list[MutationSet] = []

    def add(self, request: MutationRequest) -> None:
        """Take a request's set in, in the place of the waiting ones that it overlaps."""
        self._drop_unwaited()
        overlapped = [one for one in self._sets if one.overlaps(request.mutations)]
        earlier = chain.from_iterable(one.requests for one in overlapped)
        merged = MutationSet(request.mutations, (*earlier, request))
        if not overlapped:
            self._sets.append(merged)
            return
        # The oldest one's place: a chat that is changed again and again must not lose its turn.
        self._sets[self._sets.index(overlapped[0])] = merged
        gone = set(overlapped)
        self._sets = [one for one in self._sets if one not in gone]

    def take(self) -> Patch | None:
        """Give the next patch: the sets in order, as many as fit."""
        self._drop_unwaited()
        if not self._sets:
            return None
        taken = self._first_that_fit()
        self._sets = self._sets[len(taken) :]
        # Those who left count too: their deadlines are over, so they never are the latest.
        requests = [request for one in taken for request in one.requests]
        return Patch(
            sets=taken,
            deadline=max(request.deadline for request in requests),
            arrived_at=min(request.arrived_at for request in requests),
        )

    def waiting(self) -> int:
        """Count the requests that wait."""
        return sum(len(one.waited_for_by) for one in self._sets)

    def oldest_at(self) -> float | None:
        """Say when the oldest of them came."""
        waited = (request for one in self._sets for request in one.waited_for_by)
        return min((request.arrived_at for request in waited), default=None)

    def _first_that_fit(self) -> list[MutationSet]:
        room = MAX_MUTATIONS
        for count, one in enumerate(self._sets):
            room -= len(one.mutations)
            if room < 0:
                return self._sets[:count]
        return list(self._sets)

    def _drop_unwaited(self) -> None:
        self._sets = [one for one in self._sets if one.waited_for_by]
