"""Group commit: many requests for changes of one collection become few patches.

A request brings the *set* of mutations that its command means. While a patch is in flight, requests
gather here. The next patch's chats are addressed together, and their sets laid over each other, so
that no index is twice in it, which would break its hash at every verifier. Whoever has left when
its requests are taken has no part in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sessions.addresses import Address
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


@dataclass(frozen=True, slots=True)
class Change:
    """What a request wants of a chat: a set of mutations of one collection, once it is addressed.

    `types` are those of the mutations, each once.
    """

    collection: str
    types: frozenset[str]
    build: Callable[[Address], Sequence[Mutation]]


@dataclass(frozen=True, slots=True, eq=False)
class MutationRequest:
    """A request that wants a change of one chat accepted, all in one patch."""

    chat_jid: str
    change: Change
    deadline: Deadline
    waiter: Waiter[None]
    arrived_at: float


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """Requests that will travel together, once it is known how their chats are addressed.

    It runs to the latest deadline of those who wait for it.
    """

    requests: Sequence[MutationRequest]
    deadline: Deadline
    arrived_at: float

    @property
    def chat_jids(self) -> list[str]:
        """The chats, as the requests name them, each once."""
        return list(dict.fromkeys(request.chat_jid for request in self.requests))

    def address(self, addresses: Mapping[str, Address]) -> Patch:
        """Make the patch, with the address of each of the chats."""
        in_order = sorted(self.requests, key=lambda request: request.arrived_at)
        return Patch([(one, one.change.build(addresses[one.chat_jid])) for one in in_order])

    def fail(self, make_error: Callable[[], ServiceError]) -> None:
        """Let the requests fail, each with an error of its own."""
        for request in self.requests:
            request.waiter.fail(make_error())


class Patch:
    """Requests with the set of mutations that each of them means, the newest last.

    Accepted, it leaves each chat as its requests would have one after the other.
    """

    def __init__(self, wanted: Sequence[tuple[MutationRequest, Sequence[Mutation]]]) -> None:
        newest: dict[tuple[str, str], Mutation] = {}
        for _, mutations in wanted:
            newest.update({mutation.index: mutation for mutation in mutations})
        self.mutations = list(newest.values())
        self._wanted = wanted

    def settle(self, rejected: Iterable[int]) -> None:
        """Hand out the outcome of the accepted patch, of which these positions were refused.

        Each request succeeds unless an index that it sets was refused.
        """
        refused = {self.mutations[position].index for position in rejected}
        for request, mutations in self._wanted:
            if any(mutation.index in refused for mutation in mutations):
                request.waiter.fail(DeviceError())
            else:
                request.waiter.succeed(None)


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

    def take(self) -> Draft | None:
        """Give what makes the next patch: the chats in order, as many as fit."""
        taken: list[MutationRequest] = []
        room = MAX_MUTATIONS
        for chat_jid, requests in list(self._chats.items()):
            waiting = _waiting_in(requests)
            room -= len({name for request in waiting for name in request.change.types})
            if room < 0:
                break
            del self._chats[chat_jid]
            self._held -= len(requests)
            taken += waiting
        if not taken:
            return None
        return Draft(
            taken,
            deadline=max(request.deadline for request in taken),
            arrived_at=min(request.arrived_at for request in taken),
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
