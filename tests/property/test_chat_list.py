"""The list of chats under change: no person twice, no page that loses or repeats a chat."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sessions.chat_list import ChatQuery
from tests.support.mirror import HOME, NOW, Feed, open_feed
from tests.support.sessions import reading, running

MANY, WITH_LID = 10_000, 8_000


def number(index: int) -> str:
    """Return the number of a person."""
    return f"1555{index:07}{HOME}"


def lid(index: int) -> str:
    """Return the LID of a person."""
    return f"2000{index:011}@lid"


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Feed]:
    """An account with 10,000 chats of which 8,000 have LIDs: half of these told late."""
    with running(tmp_path_factory.mktemp("many")) as stage:
        feed = open_feed(stage)
        chats = [conversation(index) for index in range(MANY)]
        random.Random(1).shuffle(chats)  # noqa: S311 - no secret depends on it
        for start in range(0, MANY, 500):
            feed.history(*chats[start : start + 500])
            feed.step()
        late = [{"pn": number(index), "lid": lid(index)} for index in range(0, WITH_LID, 2)]
        for start in range(0, len(late), 500):
            feed.emit("lid.pairs", pairs=late[start : start + 500])
            feed.step()
        yield feed


def conversation(index: int) -> dict[str, object]:
    """Return a conversation: by LID alone, by LID with its number, or by number alone."""
    if index >= WITH_LID:
        return {"jid": number(index), "name": f"P{index % 50}"}
    told = {"pn": number(index), "lid": lid(index)} if index % 2 else {}
    return {"jid": lid(index), "last_message_at": NOW + index // 3 * 1000, **told}


def test_no_person_twice_and_no_lid_as_a_number(feed: Feed) -> None:
    """Each of the 10,000 is there once, by his number."""
    chats = feed.page().page.items
    assert len(chats) == MANY
    assert {chat.jid for chat in chats} == {number(index) for index in range(MANY)}
    lids = {chat.lid for chat in chats if chat.lid is not None}
    assert lids == {lid(index) for index in range(WITH_LID)}
    assert not {chat.phone_number for chat in chats} & {one.partition("@")[0] for one in lids}


@pytest.mark.parametrize("limit", [1, 100, None])
def test_one_statement_a_page(feed: Feed, limit: int | None) -> None:
    """Whatever a page's size, its chats are one statement, beside the one for the list's state."""
    first = feed.page(ChatQuery(limit=10)).page.next
    for after in (None, first):
        with reading(feed.stage) as statements:
            feed.page(ChatQuery(limit=limit, after=after))
        selects = [one for one in statements if one.startswith("SELECT")]
        assert len([one for one in selects if "FROM chats" in one or "JOIN chats" in one]) == 1
        assert len(selects) == 2


changes = st.lists(
    st.tuples(
        st.sampled_from(["message", "pin", "unpin", "rename", "archive", "new"]),
        st.integers(0, MANY - 1),
    ),
    max_size=8,
)


def disturb(feed: Feed, kind: str, index: int) -> None:
    """Let something happen that moves a chat."""
    jid = number(index)
    if kind == "message":
        feed.message(jid, NOW + 10**8 + next(feed.versions) * 1000)
    elif kind in ("pin", "unpin"):
        feed.change("pin_v1", jid, kind == "pin")
    elif kind == "rename":
        feed.emit("contact.name", jid=jid, push_name=f"N{next(feed.versions)}")
    elif kind == "archive":
        feed.change("archive", jid, True)
    else:
        feed.history({"jid": number(MANY + next(feed.versions))})


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rounds=st.lists(changes, min_size=1, max_size=10), limit=st.sampled_from([500, 1000]))
def test_pages_lose_and_repeat_nothing(
    feed: Feed, rounds: list[list[tuple[str, int]]], limit: int
) -> None:
    """Whatever moves between two pages, what was there at the first one is given exactly once."""
    expected = [chat.jid for chat in feed.page().page.items]
    seen: list[str] = []
    after, left = None, iter(rounds)
    while True:
        page = feed.page(ChatQuery(limit=limit, after=after)).page
        seen += [chat.jid for chat in page.items]
        after = page.next
        if after is None:
            break
        if moved := next(left, []):
            for kind, index in moved:
                disturb(feed, kind, index)
            feed.step()
    assert seen == expected
