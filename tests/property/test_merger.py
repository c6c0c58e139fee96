"""The merger, for any order of commands, departures and patches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sessions.app_state import MAX_MUTATIONS, Merger, Mutation, MutationRequest, Patch
from sessions.chats import build_archive
from sessions.deadline import Deadline
from sessions.errors import DeviceTimeout
from sessions.times import from_milliseconds
from sessions.waiting import Waiter

JUNE = from_milliseconds(1_781_524_800_000)
CHATS = [f"1555000000{number}@s.whatsapp.net" for number in range(4)]
FAR = Deadline(1e12)

COMMANDS: Mapping[str, Callable[[str], Sequence[Mutation]]] = {
    "archive": lambda chat: build_archive(chat, archived=True, range_end=JUNE),
    "unarchive": lambda chat: build_archive(chat, archived=False, range_end=JUNE),
    "pin": lambda chat: (
        Mutation("pin", chat, {"pinned": True}),
        Mutation("archive", chat, {"archived": False}),
    ),
    "unpin": lambda chat: (Mutation("pin", chat, {"pinned": False}),),
}


class Merging(RuleBasedStateMachine):
    """Commands come, leave, and are taken in patches that a model of the server accepts."""

    @initialize()
    def begin(self) -> None:
        """Start with nothing."""
        self.merger = Merger()
        self.ticks = count()
        self.waiting: list[MutationRequest] = []
        self.flying: Patch | None = None
        self.server: dict[tuple[str, str], Mutation] = {}
        self.expected: dict[tuple[str, str], Mutation] = {}

    @rule(command=st.sampled_from(sorted(COMMANDS)), chat=st.sampled_from(CHATS))
    def ask(self, command: str, chat: str) -> None:
        """A command comes."""
        mutations = COMMANDS[command](chat)
        request = MutationRequest(mutations, FAR, Waiter(), float(next(self.ticks)))
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
        assert 1 <= len(self.flying.mutations) <= MAX_MUTATIONS
        indexes = Counter(mutation.index for mutation in self.flying.mutations)
        assert set(indexes.values()) == {1}
        for one in self.flying.sets:
            assert any(request in self.waiting for request in one.requests)

    @precondition(lambda self: self.flying is not None)
    @rule()
    def accept(self) -> None:
        """The server accepts the patch."""
        assert self.flying is not None
        patch, self.flying = self.flying, None
        self.server.update({mutation.index: mutation for mutation in patch.mutations})
        requests = [request for one in patch.sets for request in one.requests]
        for request in sorted(requests, key=lambda request: request.arrived_at):
            self.expected.update({mutation.index: mutation for mutation in request.mutations})
        patch.settle([])
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
            flying = [r for one in self.flying.sets for r in one.requests] if self.flying else []
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
