"""GET /chats and GET /chats/{chat_jid}."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.fake import FakeBridge
from bridge.interface import Event
from tests.support.api import Caller, link
from tests.support.mirror import HOME, NOW
from tests.support.sessions import wait_until

ANN = f"15557000001{HOME}"
GROUP = "120363000000000042@g.us"


class Account:
    """A linked device whose chats the test makes up."""

    def __init__(self, caller: Caller, bridge: FakeBridge) -> None:
        self.caller = caller
        self.device_id = link(caller, bridge)
        self.bridge = bridge
        self.spool_id = 1_000

    def tell(self, kind: str, **data: Any) -> None:
        """Let the bridge report something, and wait until it is stored."""
        self.spool_id += 1
        newest = self.caller.get("/events", query_string={"limit": 1000}).get_json()["next_after"]
        event = (self.caller.tenant_id, self.device_id)
        self.bridge.emit(Event(*event, kind, NOW, data, self.spool_id))
        self.bridge.emit(Event(*event, "events.gap", NOW, {"reason": "test"}, self.spool_id + 1))
        self.spool_id += 1
        path = f"/events?after={newest}&types=events.gap&wait=25"
        assert self.caller.get(path).get_json()["events"]

    def list(self, **query: Any) -> dict[str, Any]:
        """List chats."""
        answer = self.caller.get("/chats", query_string=query)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.get_json()
        return found


@pytest.fixture
def account(caller: Caller, bridge: FakeBridge) -> Account:
    """An account with two people and a group."""
    account = Account(caller, bridge)
    chats = [
        {"jid": ANN, "name": "Änn Ødegård", "last_message_at": NOW, "archived": True},
        {"jid": f"15557000002{HOME}", "name": "Bob", "pinned": True, "muted_until": -1},
        {"jid": GROUP, "name": "100% choir", "last_message_at": NOW + 1000},
    ]
    account.tell("history.chats", chats=chats)
    return account


def names(answer: dict[str, Any]) -> list[str]:
    """Return the names in an answer, in order."""
    return [row["name"] for row in answer["chats"]]


def test_list(account: Account) -> None:
    """Pinned ones come first, then the newest message; what is unknown is absent."""
    answer = account.list()
    assert names(answer) == ["Bob", "100% choir", "Änn Ødegård"]
    assert (answer["count"], answer["sync"]) == (3, "syncing")
    bob, group, ann = answer["chats"]
    assert (bob["muted"], bob["muted_until"]) == (True, "9999-12-31T00:00:00Z")
    assert "participant_count" not in group
    assert (ann["phone_number"], ann["last_message_at"]) == ("15557000001", "2026-06-15T12:00:00Z")
    assert "pinned" not in ann


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"archived": "true"}, ["Änn Ødegård"]),
        ({"archived": "false"}, ["Bob", "100% choir"]),
        ({"pinned": "true"}, ["Bob"]),
        ({"muted": "true"}, ["Bob"]),
        ({"muted": "false"}, ["100% choir", "Änn Ødegård"]),
        ({"type": "group"}, ["100% choir"]),
        ({"q": "ANN odeg"}, ["Änn Ødegård"]),
        ({"q": "+1 (555) 700-0002"}, ["Bob"]),
        ({"q": "0%"}, ["100% choir"]),
        ({"q": "_"}, []),
        ({"updated_since": "1781524800"}, ["Bob", "100% choir", "Änn Ødegård"]),
    ],
)
def test_filters(account: Account, query: dict[str, str], expected: list[str]) -> None:
    """Each filter lets through what it says; search minds neither case nor accents."""
    assert names(account.list(**query)) == expected


def test_pages(account: Account) -> None:
    """Pages follow each other; a cursor fits its own list alone."""
    first = account.list(limit=2)
    assert first["count"] == 2
    second = account.list(limit=2, cursor=first["next_cursor"])
    assert names(second) == ["Änn Ødegård"]
    assert "next_cursor" not in second
    query = {"cursor": first["next_cursor"], "archived": "true"}
    answer = account.caller.get("/chats", query_string=query)
    assert answer.get_json()["validation"][0]["field"] == "cursor"


def test_what_is_gone(account: Account) -> None:
    """`removed` names the chats that were merged."""
    lid = "200000000000001@lid"
    account.tell("history.chats", chats=[{"jid": lid}])
    account.tell("lid.pairs", pairs=[{"pn": ANN, "lid": lid}])
    answer = account.list(updated_since=1_781_524_800)
    assert answer["removed"] == [lid]
    assert "removed" not in account.list()


@pytest.mark.parametrize(
    "query", ["archive=true", "archived=1", "type=user", "limit=0", "cursor=x", "q="]
)
def test_bad_query(account: Account, query: str) -> None:
    """A filter that is misspelt or senseless is refused by its name."""
    answer = account.caller.get(f"/chats?{query}")
    assert answer.status_code == 400
    assert answer.get_json()["validation"][0]["field"] == query.partition("=")[0]


def test_show(account: Account) -> None:
    """A chat is found by its JID, its LID or its number."""
    account.tell("lid.pairs", pairs=[{"pn": ANN, "lid": "200000000000001@lid"}])
    for name in (ANN, "200000000000001@lid", "+1 555 700 0001"):
        assert account.caller.get(f"/chats/{name}").get_json()["chat"]["jid"] == ANN
    answer = account.caller.get("/chats/15557000099")
    assert (answer.status_code, answer.get_json()["error_code"]) == (404, "CHAT_NOT_FOUND")


@pytest.mark.parametrize(
    ("known", "asked"),
    [
        ("551187654321", "5511987654321"),
        ("5511987654321", "551187654321"),
        ("525512345678", "5215512345678"),
        ("5491112345678", "541112345678"),
    ],
)
def test_numbers_with_two_forms(account: Account, known: str, asked: str) -> None:
    """The form that the account knows is taken; if both are other people, one has to be named."""
    account.tell("history.chats", chats=[{"jid": known + HOME}])
    assert account.caller.get(f"/chats/{asked}").get_json()["chat"]["jid"] == known + HOME
    answer = account.caller.post(f"/chats/{asked}/archive", json={"archived": True})
    assert answer.get_json()["chat_jid"] == known + HOME
    account.tell("history.chats", chats=[{"jid": asked + HOME}])
    answer = account.caller.get(f"/chats/{asked}")
    assert answer.status_code == 400
    assert known in answer.get_json()["validation"][0]["message"]
    assert account.caller.get(f"/chats/{asked}{HOME}").status_code == 200


def test_numbers_with_two_forms_in_a_batch(account: Account) -> None:
    """Of each plain number the known form is taken; an error names each of which both are known."""
    known, double = "551187654321", ("525512345678", "5215512345678")
    account.tell("history.chats", chats=[{"jid": jid + HOME} for jid in (known, *double)])
    asked = ["15557000001", "5511987654321", f"5511987654321{HOME}", "5491112345678", known]

    def archive(*jids: str) -> Any:
        body = {"archived": True, "chat_jids": [*asked, *jids]}
        return account.caller.post("/chats/archive", json=body)

    answer = archive(*double)
    assert answer.status_code == 400
    problems = answer.get_json()["validation"]
    assert [problem["field"] for problem in problems] == ["chat_jids[5]", "chat_jids[6]"]
    assert all(jid in problem["message"] for jid in double for problem in problems)
    results = archive().get_json()["results"]
    meant = ["15557000001", known, "5511987654321", "5491112345678", known]
    assert [result["chat_jid"] for result in results] == [jid + HOME for jid in meant]


@pytest.mark.parametrize(
    ("number", "name"),
    [
        ("15557000003", "+1 555-700-0003"),
        ("5511987654321", "+55 11 98765-4321"),
        ("999000111222", "+999000111222"),
    ],
)
def test_numbers_as_names(account: Account, number: str, name: str) -> None:
    """Who has no name is shown by his number, as it is written internationally if that is known."""
    account.tell("history.chats", chats=[{"jid": number + HOME}])
    chat = account.caller.get(f"/chats/{number}").get_json()["chat"]
    assert (chat["name"], chat["name_source"]) == (name, "number")
    found = account.list(q=name)["chats"]
    assert [chat["jid"] for chat in found] == [number + HOME]


def test_other_tenants_see_nothing(account: Account, stranger: Caller, bridge: FakeBridge) -> None:
    """Another tenant's list lacks these chats, and its tokens can't name the device."""
    link(stranger, bridge)
    assert stranger.get("/chats").get_json()["chats"] == []
    assert stranger.get(f"/chats/{ANN}").status_code == 404
    for path in ("/chats", f"/chats/{ANN}", "/events"):
        answer = stranger.get(f"{path}?device_id={account.device_id}")
        assert answer.get_json()["error_code"] == "DEVICE_NOT_FOUND"


def test_archiving_shows_in_the_list(account: Account) -> None:
    """What was accepted is soon in the list, and in the log with the cause `api`."""
    path = f"/chats/15557000002{HOME}/archive"
    assert account.caller.post(path, json={"archived": True}).status_code == 200
    wait_until(lambda: len(account.list(archived="true")["chats"]) == 2)
    log = account.caller.get("/events?types=chat.archive,chat.pin").get_json()["events"]
    told = [(event["event"], event["data"]["cause"]) for event in log]
    assert told == [("chat.archive", "api"), ("chat.pin", "api")]
