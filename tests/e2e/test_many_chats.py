"""An account with ten thousand chats: whom the phone's history names, and pages of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any

from app.processes import wait_for
from tests.support.service import Caller
from tests.support.simulator import Phone, Simulator

MANY, WITH_LID, WRITERS = 10_000, 8_000, 20
PAGE = 500
EVERY_SECONDS = 0.02
FIRST_NUMBER, FIRST_LID = 15_557_000_000, 200_070_000_000_000

Row = dict[str, Any]


def list_chats(caller: Caller, **query: Any) -> dict[str, Any]:
    """Return an answer of the list."""
    answer = caller.request("GET", "/chats", params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def wait_list(caller: Caller, what: str, fits: Callable[[list[Row]], bool]) -> list[Row]:
    """Wait until the list is complete and as it has to be, and return it."""

    def look() -> list[Row] | None:
        found = list_chats(caller)
        return found["chats"] if found["sync"] == "complete" and fits(found["chats"]) else None

    return wait_for(look, seconds=30, what=what)


def pages(caller: Caller) -> Iterator[list[Row]]:
    """Read the list page by page."""
    query: dict[str, Any] = {"limit": PAGE}
    while "cursor" not in query or query["cursor"] is not None:
        page = list_chats(caller, **query)
        yield page["chats"]
        query["cursor"] = page.get("next_cursor")


def number_of(row: Row) -> str:
    """Return the phone number of somebody who is known by LID."""
    lid = int(row["lid"].partition("@")[0])
    return f"{FIRST_NUMBER + lid - FIRST_LID}@s.whatsapp.net"


def disturb(phone: Phone, jids: list[str], stopping: Event) -> int:
    """Let messages, pins and archives move chats until told to stop; returns how many."""
    for number in itertools.count():
        jid = jids[number * 7919 % len(jids)]
        moves: list[Callable[[], object]] = [
            lambda jid=jid: phone.simulator.post(phone.url("/messages"), {"from": jid}),  # type: ignore[misc]
            lambda jid=jid: phone.write(pin={"jid": jid, "pinned": True}),  # type: ignore[misc]
            lambda jid=jid: phone.write(archive={"jid": jid, "archived": True}),  # type: ignore[misc]
        ]
        moves[number % len(moves)]()
        if stopping.wait(EVERY_SECONDS):
            return number
    raise AssertionError


@contextmanager
def disturbed(phone: Phone, jids: list[str]) -> Iterator[None]:
    """Let chats move while the body runs, several for each page."""
    stopping = Event()
    with ThreadPoolExecutor(1) as threads:
        working = threads.submit(disturb, phone, jids, stopping)
        try:
            yield
        finally:
            stopping.set()
        assert working.result() > MANY / PAGE


def test_ten_thousand_chats(caller: Caller, simulator: Simulator) -> None:
    """Nobody is there twice, no LID passes for a number, and pages lose and repeat nothing."""
    phone = simulator.add_phone(chats={"count": MANY, "lids": WITH_LID}, without_pairs=True)
    caller.link(phone)
    unpaired = wait_list(caller, "the history", lambda rows: len(rows) == MANY)
    of_lids = [row for row in unpaired if row["jid"].endswith("@lid")]
    assert len(of_lids) == WITH_LID
    assert not [row for row in of_lids if "phone_number" in row]
    writers = [number_of(row) for row in of_lids[:WRITERS]]
    for writer in writers:
        simulator.post(phone.url("/messages"), {"from": writer})
    wait_list(caller, "people there twice", lambda rows: len(rows) == MANY + WRITERS)
    phone.act("pairs")
    whole = wait_list(caller, "one row a person", lambda rows: len(rows) == MANY)
    lids = {row["lid"] for row in whole if "lid" in row}
    assert lids >= {row["lid"] for row in of_lids}
    jids = [row["jid"] for row in whole]
    assert len(set(jids)) == MANY
    assert {f"{row['phone_number']}@s.whatsapp.net" for row in whole} == set(jids)
    with disturbed(phone, jids):
        seen = [row["jid"] for page in pages(caller) for row in page]
    assert sorted(seen) == sorted(jids)
    assert phone.violations() == []
