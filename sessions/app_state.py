"""Group commit: many requests for changes of one collection become few patches.

A request brings the *set* of mutations that its command means. While a patch is in flight, requests
gather here; those for one chat are laid over each other when the next patch is taken, so that no
index is twice in it, which would break its hash at every verifier. Whoever has left by then has no
part in it.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sessions.deadline import Deadline
from sessions.errors import DeviceError, ServiceError
from sessions.waiting import Waiter

MAX_MUTATIONS = 100
"""WhatsApp Web puts no more into one patch."""
_MOST_OF_A_CHAT = 2


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

    @property
    def chat_jid(self) -> str:
        """The chat that all its mutations are about."""
        return self.mutations[0].chat_jid


@dataclass(frozen=True, slots=True, eq=False)
class MutationSet:
    """What the requests for one chat mean together, and these requests, the newest last."""

    mutations: Sequence[Mutation]
    requests: Sequence[MutationRequest]

    @classmethod
    def merge(cls, requests: Sequence[MutationRequest]) -> MutationSet:
        """Lay the requests over each other, so that of each index the newest mutation is left.

        Accepted, the set leaves the chat as its requests would have one after the other.
        """
        newest: dict[tuple[str, str], Mutation] = {}
        for request in requests:
            newest.update({mutation.index: mutation for mutation in request.mutations})
        return cls(tuple(newest.values()), tuple(requests))

    def fail(self, make_error: Callable[[], ServiceError]) -> None:
        """Let the requests fail, each with an error of its own."""
        for request in self.requests:
            request.waiter.fail(make_error())

    def settle(self, refused: Container[tuple[str, str]]) -> None:
        """Let each request succeed unless an index that it sets was refused."""
        for request in self.requests:
            if any(mutation.index in refused for mutation in request.mutations):
                request.waiter.fail(DeviceError())
            else:
                request.waiter.succeed(None)


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
        mutations = self.mutations
        refused = {mutations[position].index for position in rejected}
        for one in self.sets:
            one.settle(refused)


class Merger:
    """The requests of one collection that wait for a patch, by chat in the order of arrival."""

    def __init__(self) -> None:
        self._chats: dict[str, list[MutationRequest]] = {}
        self._held = 0

    def add(self, request: MutationRequest) -> None:
        """Take a request in, beside those for the same chat that wait already."""
        earlier = self._chats.get(request.chat_jid, [])
        if not _waiting_in(earlier):
            self._held -= len(self._chats.pop(request.chat_jid, ()))
        # A chat that is changed again and again keeps its turn.
        self._chats.setdefault(request.chat_jid, []).append(request)
        self._held += 1

    def take(self) -> Patch | None:
        """Give the next patch: the sets in order, as many as fit."""
        taken: list[MutationSet] = []
        room = MAX_MUTATIONS
        for chat_jid, requests in list(self._chats.items()):
            one = MutationSet.merge(_waiting_in(requests))
            room -= len(one.mutations)
            if room < 0:
                break
            del self._chats[chat_jid]
            self._held -= len(requests)
            if one.requests:
                taken.append(one)
        if not taken:
            return None
        members = [request for one in taken for request in one.requests]
        return Patch(
            sets=taken,
            deadline=max(request.deadline for request in members),
            arrived_at=min(request.arrived_at for request in members),
        )

    def held(self) -> int:
        """Count the requests inside, those included that have left."""
        return self._held

    def is_filling(self) -> bool:
        """Whether there is a patch to come, and room in it for another chat."""
        return 0 < len(self._chats) < MAX_MUTATIONS // _MOST_OF_A_CHAT

    def waiting(self) -> int:
        """Count the requests that wait."""
        return sum(len(_waiting_in(requests)) for requests in self._chats.values())

    def oldest_at(self) -> float | None:
        """Say when the oldest of them came."""
        waited = (one for requests in self._chats.values() for one in _waiting_in(requests))
        return min((request.arrived_at for request in waited), default=None)


def _waiting_in(requests: Iterable[MutationRequest]) -> list[MutationRequest]:
    return [request for request in requests if not request.waiter.is_settled]
