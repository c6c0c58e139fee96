"""Four ends change the same chats: the service, a plain whatsmeow, Baileys and the phone."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import httpx

from app.processes import wait_for
from sessions.deadline import Deadline
from tests.support.baileys import running_judge
from tests.support.judges import Judge
from tests.support.service import Caller
from tests.support.simulator import Phone, Simulator
from tests.support.whatsmeow import running_whatsmeow

SEED = 7
THREADS, REQUESTS, WRITES = 32, 12, 3
SECONDS = 15.0
"""How long the others may take to be heard that often."""
CHATS = [f"1555660{number:04}@s.whatsapp.net" for number in range(12)]
EACH_WAY_MS = 10
TWO_ROUND_TRIPS = 4 * EACH_WAY_MS / 1000
COLLECTIONS = ("regular_low", "regular_high")


@dataclass(slots=True)
class Others:
    """The other ends of an account. They take turns, with a pause after each."""

    phone: Phone
    whatsmeow: Judge
    baileys: Judge
    chance: random.Random
    stopping: Event = field(default_factory=Event)
    accepted: Counter[str] = field(default_factory=Counter)

    def work(self) -> None:
        """Change chats in turns until told to stop."""
        turns: Sequence[Callable[[str, bool], None]] = (
            self.write_by_phone,
            self.write_by_whatsmeow,
            self.write_by_phone,
            self.write_by_baileys,
        )
        while True:
            for turn in turns:
                turn(self.chance.choice(CHATS), self.chance.random() < 0.5)
                if self.stopping.wait(TWO_ROUND_TRIPS):
                    return

    def have_written(self) -> bool:
        """Say whether the server has accepted enough of each."""
        return all(self.accepted[end] >= WRITES for end in ("phone", "whatsmeow", "baileys"))

    def write_by_phone(self, chat: str, on: bool) -> None:
        """Let the phone change a chat."""
        kind, value = self.chance.choice(
            [("archive", "archived"), ("pin", "pinned"), ("mute", "muted"), ("read", "read")]
        )
        self.phone.write(**{kind: {"jid": chat, value: on}})
        self.accepted["phone"] += 1

    def write_by_whatsmeow(self, chat: str, on: bool) -> None:
        """Let whatsmeow change a chat. It takes no lock, so that it may lose its way meanwhile."""
        kind, value = self.chance.choice(
            [("archive", "archived"), ("pin", "pinned"), ("mute", "muted")]
        )
        if self.whatsmeow.obey(**{kind: chat, value: on}):
            self.accepted["whatsmeow"] += 1
        else:
            self.whatsmeow.obey(fetch="regular_high" if kind == "mute" else "regular_low")

    def write_by_baileys(self, chat: str, on: bool) -> None:
        """Let Baileys archive a chat. It takes a conflict for a success, and has lost its way."""
        before = self.phone.version()
        self.baileys.archive(chat, on)
        new = [one for one in self.phone.collection()["entries"] if one["version"] > before]
        if self.baileys.device in {entry["author"] for entry in new}:
            self.accepted["baileys"] += 1
        else:
            self.baileys.obey(fetch="regular_low")


@contextmanager
def at_work(others: Others) -> Iterator[None]:
    """Let the other ends work while the body runs."""
    with ThreadPoolExecutor(1) as threads:
        working = threads.submit(others.work)
        try:
            yield
        finally:
            others.stopping.set()
        working.result()


def ask(caller: Caller, http: httpx.Client, chance: random.Random) -> httpx.Response:
    """Send a request that changes a chat."""
    chat, on = chance.choice(CHATS), chance.random() < 0.5
    method, operation, body = chance.choice(
        [
            ("POST", "archive", {"archived": on}),
            ("POST", "mute", {"muted": on}),
            ("POST", "read", {"read": on}),
            ("POST" if on else "DELETE", "pin", None),
        ]
    )
    return caller.request(method, f"/chats/{chat}/{operation}", http=http, json=body)


def use(caller: Caller, others: Others, number: int) -> list[int]:
    """Send requests one after the other for as long as the others write, as one of many users."""
    chance = random.Random(f"{SEED} user {number}")  # noqa: S311 - to be repeatable
    deadline, statuses = Deadline.after(SECONDS), list[int]()
    with caller.service.client() as http:
        while len(statuses) < REQUESTS or not (others.have_written() or deadline.expired):
            statuses.append(ask(caller, http, chance).status_code)
    return statuses


def check_judges(others: Others) -> None:
    """Each other client has read the server's version of both collections, with its hash."""
    for name in COLLECTIONS:
        seen = others.phone.collection(name)
        same = {"collection": name, "version": seen["version"], "hash": seen["hash"]}
        for judge in (others.whatsmeow, others.baileys):
            assert judge.obey(fetch=name)
            judge.wait(event="synced", **same)


def shown_by_phone(phone: Phone) -> set[tuple[str, str]]:
    """Return which settings of the chats the phone shows to be on."""
    actions = {
        "archive": ("archived", "archiveChatAction"),
        "pin_v1": ("pinned", "pinAction"),
        "mute": ("muted", "muteAction"),
        "markChatAsRead": ("read", "markChatAsReadAction"),
    }
    shown: set[tuple[str, str]] = set()
    for name in COLLECTIONS:
        for entry in phone.collection(name)["entries"]:
            kind, *chat = entry["index"]
            if kind in actions and chat[0] in CHATS:
                setting, action = actions[kind]
                if entry["value"][action].get(setting):
                    shown.add((chat[0], setting))
    return shown


def shown_by_log(caller: Caller) -> set[tuple[str, str]]:
    """Return which settings are on by the events about them."""
    shown: dict[tuple[str, str], bool] = {}
    answer = caller.request("GET", "/events", params={"limit": 1000}).json()
    for data in (event["data"] for event in answer["events"]):
        for setting in {"archived", "pinned", "muted", "read"} & set(data):
            shown[data["chat_jid"], setting] = data[setting]
    return {key for key, is_on in shown.items() if is_on}


def shown_by_list(caller: Caller) -> set[tuple[str, str]]:
    """Return which settings are on by the list of chats, which does not show what was read."""
    rows = caller.request("GET", "/chats").json()["chats"]
    listed = ("archived", "pinned", "muted")
    return {(row["jid"], setting) for row in rows for setting in listed if row[setting]}


def agree(caller: Caller, phone: Phone) -> bool:
    """Say whether the service shows what the phone shows."""
    truth = shown_by_phone(phone)
    listed = {one for one in truth if one[1] != "read"}
    return shown_by_log(caller) == truth and shown_by_list(caller) == listed


def test_all_ends_agree(caller: Caller, simulator: Simulator, tmp_path: Path) -> None:
    """No request of 32 threads fails, and in the end everybody sees the same."""
    phone = simulator.add_phone()
    caller.link(phone)
    with (
        running_whatsmeow(tmp_path, phone) as whatsmeow,
        running_judge(tmp_path, phone, may_complain=True) as baileys,
        ThreadPoolExecutor(THREADS) as threads,
    ):
        others = Others(phone, whatsmeow, baileys, random.Random(SEED))  # noqa: S311
        phone.fault(action="delay", direction="both", ms=EACH_WAY_MS)
        with at_work(others):
            users = threads.map(lambda number: use(caller, others, number), range(THREADS))
            statuses = {status for user in users for status in user}
        simulator.delete("/v1/faults")
        assert statuses == {200}
        assert others.have_written()
        check_judges(others)
    wait_for(lambda: agree(caller, phone), seconds=10, what="agreement")
    ours = [one for one in phone.violations() if one["device"] == caller.device_number]
    assert ours == []
