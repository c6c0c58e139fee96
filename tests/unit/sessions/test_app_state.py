"""The merger: sets of mutations become patches."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest

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
from sessions.deadline import Deadline
from sessions.errors import DeviceError, DeviceTimeout, ServiceError
from sessions.waiting import Waiter
from tests.support.sessions import at_once

ticks = count(1)


def archive(chat: str) -> tuple[Mutation, ...]:
    """What archiving means."""
    values = {"archived": True}
    return (Mutation("archive", chat, values), Mutation("pin", chat, {"pinned": False}))


def unarchive(chat: str) -> tuple[Mutation, ...]:
    """What bringing a chat back means."""
    return (Mutation("archive", chat, {"archived": False}),)


def unpin(chat: str) -> tuple[Mutation, ...]:
    """What unpinning means."""
    return (Mutation("pin", chat, {"pinned": False}),)


def ask(merger: Merger, mutations: tuple[Mutation, ...], *, until: float = 1e12) -> MutationRequest:
    """Add a request for these mutations, which are about the chat's address in the end."""
    types = frozenset(mutation.type for mutation in mutations)
    change = Change(
        "regular_low",
        types,
        lambda known: [replace(mutation, chat_jid=known.jid) for mutation in mutations],
    )
    chat = mutations[0].chat_jid
    request = MutationRequest(chat, change, Deadline(until), Waiter(), float(next(ticks)))
    merger.add(request)
    return request


def leave(request: MutationRequest) -> None:
    """Let a request's deadline pass."""
    with pytest.raises(DeviceTimeout):
        request.waiter.wait(at_once())


def outcome(request: MutationRequest) -> type[ServiceError] | None:
    """Return the error's type, or None for success; a request that still waits is a failure."""
    assert request.waiter.is_settled
    try:
        request.waiter.wait(at_once())
    except ServiceError as error:
        return type(error)
    return None


def drafted(merger: Merger) -> Draft:
    """Take what must be there for a patch."""
    draft = merger.take()
    assert draft is not None
    return draft


def taken(merger: Merger, **addresses: str) -> Patch:
    """Take a patch that must be there; chats without an address are addressed as given."""
    draft = drafted(merger)
    return draft.address({chat: Address(addresses.get(chat, chat)) for chat in draft.chat_jids})


def set_by(patch: Patch) -> dict[str, object]:
    """Return what a patch of one chat sets, by type."""
    return {mutation.type: mutation.values for mutation in patch.mutations}


def test_chats_travel_together() -> None:
    """What waits for a patch goes into one, in order, and both requests succeed with it."""
    merger = Merger()
    requests = [ask(merger, archive("a")), ask(merger, archive("b"))]
    patch = taken(merger)
    assert patch.mutations == [*archive("a"), *archive("b")]
    assert merger.take() is None
    patch.settle([])
    assert [outcome(request) for request in requests] == [None, None]


def test_a_newer_command_overrules_a_waiting_one() -> None:
    """The chat ends as if both had been sent: brought back, and unpinned by the archiving."""
    merger = Merger()
    older, newer = ask(merger, archive("a")), ask(merger, unarchive("a"))
    patch = taken(merger)
    assert set_by(patch) == {"archive": {"archived": False}, "pin": {"pinned": False}}
    patch.settle([])
    assert (outcome(older), outcome(newer)) == (None, None)


def test_what_a_newer_command_leaves_alone_is_sent() -> None:
    """An archiving is not lost because an unpinning came before it was sent."""
    merger = Merger()
    ask(merger, archive("a"))
    ask(merger, unpin("a"))
    assert set_by(taken(merger)) == {"archive": {"archived": True}, "pin": {"pinned": False}}


def test_two_names_of_one_chat_are_one_chat() -> None:
    """No index is twice in a patch, the newest command counts, and every request gets its outcome.

    Whether two JIDs are one person is known only when the patch is made.
    """
    merger = Merger()
    requests = [ask(merger, one) for one in (archive("a"), unarchive("lid"), unpin("a"))]
    patch = taken(merger, a="lid")
    assert set_by(patch) == {"archive": {"archived": False}, "pin": {"pinned": False}}
    assert {mutation.chat_jid for mutation in patch.mutations} == {"lid"}
    patch.settle([0])
    assert [outcome(request) for request in requests] == [DeviceError, DeviceError, None]


def test_a_chat_that_is_changed_again_keeps_its_turn() -> None:
    """A chat that is changed again and again doesn't move behind the others."""
    merger = Merger()
    for chat in ("a", "b"):
        ask(merger, archive(chat))
    ask(merger, unarchive("a"))
    assert drafted(merger).chat_jids == ["a", "b"]


def test_what_is_in_flight_is_not_merged() -> None:
    """A command that comes after the patch was taken waits for the next one."""
    merger = Merger()
    ask(merger, archive("a"))
    taken(merger)
    ask(merger, unarchive("a"))
    assert taken(merger).mutations == [*unarchive("a")]


def test_a_patch_has_at_most_a_hundred_mutations() -> None:
    """A set is never split: the one that doesn't fit any more opens the next patch."""
    merger = Merger()
    ask(merger, unarchive("first"))
    for number in range(MAX_MUTATIONS):
        ask(merger, archive(str(number)))
    patches = [taken(merger), taken(merger), taken(merger)]
    assert merger.take() is None
    assert [len(patch.mutations) for patch in patches] == [99, 100, 2]


def test_what_nobody_waits_for_is_not_sent() -> None:
    """A set whose request has left before is dropped."""
    merger = Merger()
    gone, here = ask(merger, archive("a")), ask(merger, archive("b"))
    leave(gone)
    assert merger.waiting() == 1
    assert merger.oldest_at() == here.arrived_at
    assert taken(merger).mutations == [*archive("b")]
    leave(ask(merger, archive("c")))
    assert merger.take() is None


def test_who_has_left_has_no_part_in_the_patch() -> None:
    """A command whose request left before the patch was taken overrules nothing."""
    merger = Merger()
    older, newer = ask(merger, archive("a")), ask(merger, unarchive("a"))
    leave(newer)
    patch = taken(merger)
    assert patch.mutations == [*archive("a")]
    patch.settle([])
    assert (outcome(older), outcome(newer)) == (None, DeviceTimeout)


def test_a_patch_runs_to_the_latest_deadline() -> None:
    """It may take as long as anybody waits, and it is as old as its oldest request."""
    merger = Merger()
    requests = [ask(merger, archive(chat), until=at) for chat, at in (("a", 5), ("b", 9), ("c", 7))]
    draft = drafted(merger)
    assert draft.deadline == Deadline(9)
    assert draft.arrived_at == requests[0].arrived_at


@pytest.mark.parametrize("position", [2, 3])
def test_a_refused_mutation_fails_its_own_request_only(position: int) -> None:
    """Either of a set's positions fails that set, and the others succeed."""
    merger = Merger()
    requests = [ask(merger, archive(chat)) for chat in "abc"]
    taken(merger).settle([position])
    assert [outcome(request) for request in requests] == [None, DeviceError, None]


def test_a_refused_mutation_spares_those_who_did_not_ask_for_it() -> None:
    """Of two requests for one chat only the one that set the refused index fails."""
    merger = Merger()
    first, second = ask(merger, unarchive("a")), ask(merger, unpin("a"))
    taken(merger).settle([1])
    assert (outcome(first), outcome(second)) == (None, DeviceError)


def test_a_failed_patch_fails_everybody_apart() -> None:
    """Each request gets an error of its own to raise."""
    merger = Merger()
    requests = [ask(merger, archive(chat)) for chat in "aab"]
    drafted(merger).fail(DeviceError)
    errors = []
    for request in requests:
        with pytest.raises(DeviceError) as raised:
            request.waiter.wait(at_once())
        errors.append(raised.value)
    assert len({id(error) for error in errors}) == 3
