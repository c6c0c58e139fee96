"""The merger, for any order of commands, departures and patches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sessions.addresses import Address
from sessions.app_state import (
    MAX_MUTATIONS,
    Change,
    Draft,
    Merger,
    Mutation,
    MutationRequest,
    Patch,
)
from sessions.chats import build_archive, build_pin
from sessions.deadline import Deadline
from sessions.errors import DeviceTimeout
from sessions.times import from_milliseconds
from sessions.waiting import Waiter

JUNE = from_milliseconds(1_781_524_800_000)
CHATS = [f"1555000000{number}@s.whatsapp.net" for number in range(4)]
FAR = Deadline(1e12)

# Two of the names are one person's.
ADDRESSES = {chat: Address(jid) for chat, jid in zip(CHATS, CHATS[1:] + CHATS[-1:], strict=True)}


def change(*types: str, build: Callable[[str], Sequence[Mutation]]) -> Change:
    """Return a change of these types."""
    return Change("regular_low", frozenset(types), lambda known: build(known.jid))


CHANGES: Mapping[str, Change] = {
    "archive": change(
        "archive", "pin", build=lambda jid: build_archive(jid, archived=True, range_end=JUNE)
    ),
    "unarchive": change(
        "archive", build=lambda jid: build_archive(jid, archived=False, range_end=JUNE)
    ),
    "pin": change("archive", "pin", build=lambda jid: build_pin(jid, pinned=True, range_end=JUNE)),
    "unpin": change("pin", build=lambda jid: build_pin(jid, pinned=False, range_end=JUNE)),
}


class Merging(RuleBasedStateMachine):
    """Commands come, leave, and are taken in patches that a model of the server accepts."""

    @initialize()
    def begin(self) -> None:
        """Start with nothing."""
        self.merger = Merger()
        self.ticks = count()
        self.waiting: list[MutationRequest] = []
        self.flying: Draft | None = None
        self.patch = Patch([])
        self.server: dict[tuple[str, str], Mutation] = {}
        self.expected: dict[tuple[str, str], Mutation] = {}

    @rule(command=st.sampled_from(sorted(CHANGES)), chat=st.sampled_from(CHATS))
    def ask(self, command: str, chat: str) -> None:
        """A command comes."""
        request = MutationRequest(chat, CHANGES[command], FAR, Waiter(), float(next(self.ticks)))
        self.merger.add(request)
        self.waiting.append(request)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        """A request's deadline passes."""
        request = data.draw(st.sampled_from(self.waiting))
        request.waiter.fail(DeviceTimeout())
        self.waiting.remove(request)

    @precondition(lambda self: self.flying is None)
    @rule()
    def send(self) -> None:
        """The lane takes a patch."""
        self.flying = self.merger.take()
        if self.flying is None:
            return
        self.patch = self.flying.address(ADDRESSES)
        assert 1 <= len(self.patch.mutations) <= MAX_MUTATIONS
        indexes = Counter(mutation.index for mutation in self.patch.mutations)
        assert set(indexes.values()) == {1}
        assert all(request in self.waiting for request in self.flying.requests)

    @precondition(lambda self: self.flying is not None)
    @rule()
    def accept(self) -> None:
        """The server accepts the patch."""
        assert self.flying is not None
        draft, self.flying = self.flying, None
        self.server.update({mutation.index: mutation for mutation in self.patch.mutations})
        for request in sorted(draft.requests, key=lambda request: request.arrived_at):
            mutations = request.change.build(ADDRESSES[request.chat_jid])
            self.expected.update({mutation.index: mutation for mutation in mutations})
        self.patch.settle([])
        self.waiting = [one for one in self.waiting if not one.waiter.is_settled]

    @precondition(lambda self: self.flying is not None)
    @rule()
    def refuse(self) -> None:
        """The patch fails as a whole."""
        assert self.flying is not None
        self.flying.fail(DeviceTimeout)
        self.flying = None
        self.waiting = [one for one in self.waiting if not one.waiter.is_settled]

    @invariant()
    def every_request_has_its_place(self) -> None:
        """Whoever still waits is in the merger or in flight, and is counted there."""
        if hasattr(self, "merger"):
            flying = self.flying.requests if self.flying else []
            on_the_way = sum(not request.waiter.is_settled for request in flying)
            assert self.merger.waiting() + on_the_way == len(self.waiting)
            assert self.merger.held() == sum(map(len, self.merger._chats.values()))

    @invariant()
    def the_server_has_what_one_after_the_other_would_give(self) -> None:
        """Patches leave every chat as its accepted commands would have, sent one by one."""
        assert getattr(self, "server", {}) == getattr(self, "expected", {})

    def teardown(self) -> None:
        """In the end everybody who waits is answered."""
        if not hasattr(self, "merger"):
            return
        while True:
            if self.flying is None:
                self.send()
            if self.flying is None:
                break
            self.accept()
        assert self.waiting == []


TestMerging = Merging.TestCase
TestMerging.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
