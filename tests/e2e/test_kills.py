"""Kills of the process while the phone changes chats and people write: nothing is lost or doubled.

The judge is the simulator: what the phone did, whom it heard from, and which stanzas the device has
confirmed.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from app.processes import wait_for
from tests.support.service import Caller, Service
from tests.support.simulator import Phone, Simulator

SEED = 4
KILLS = 5
MESSAGES, CHANGES = 500, 500
FIRST_SENDER, FIRST_CHAT = 15_556_000_000, 15_556_500_000
BEGIN = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
FIELDS = {"archive": "archived", "pin": "pinned", "mute": "muted", "read": "read"}
KINDS = tuple(FIELDS)
EVENTS = {
    "chat.archive": "archived",
    "chat.pin": "pinned",
    "chat.mute": "muted",
    "chat.mark_as_read": "read",
}

Said = tuple[str, str]
"""A chat, and the setting of it that something was said of."""


def person(number: int) -> str:
    """Return the JID of a person."""
    return f"{number}@s.whatsapp.net"


@dataclass(slots=True)
class Story:
    """What happens at the phone, in a random order, and what has happened so far.

    Each sender's chat is in the archive, and the message takes it out.
    """

    phone: Phone
    chance: random.Random
    messages: list[str] = field(default_factory=list)
    sent_at: dict[str, str] = field(default_factory=dict)
    changes: list[Said] = field(default_factory=list)

    def run(self) -> None:
        """Let everything happen."""
        plan = [partial(self._write, number) for number in range(MESSAGES)]
        plan += [partial(self._change, number) for number in range(CHANGES)]
        self.chance.shuffle(plan)
        for happen in plan:
            happen()

    def _write(self, number: int) -> None:
        sender, at = person(FIRST_SENDER + number), BEGIN + timedelta(seconds=number)
        body = {"from": sender, "at_ms": int(at.timestamp() * 1000)}
        self.messages += self.phone.simulator.post(self.phone.url("/messages"), body)["ids"]
        self.sent_at[sender] = at.isoformat().replace("+00:00", "Z")

    def _change(self, number: int) -> None:
        chat, kind = person(FIRST_CHAT + number), KINDS[number % len(KINDS)]
        self.phone.write(**{kind: {"jid": chat, FIELDS[kind]: True}})
        self.changes.append((chat, FIELDS[kind]))


def phone_with_archive(simulator: Simulator) -> Phone:
    """Make a phone on which a message takes a chat out of the archive, with chats in it."""
    entries = [
        {
            "collection": "regular_low",
            "index": ["archive", person(FIRST_SENDER + number)],
            "version": 3,
            "timestamp_ms": int((BEGIN - timedelta(days=1)).timestamp() * 1000),
            "value": {"archiveChatAction": {"archived": True}},
        }
        for number in range(MESSAGES)
    ]
    return simulator.add_phone(unarchive_chats=True, appstate=entries)


def wait_listed(caller: Caller) -> None:
    """Wait until the list of chats is complete: what comes from now on is an event."""
    wait_for(
        lambda: caller.request("GET", "/chats").json()["sync"] == "complete",
        seconds=30,
        what="a complete list",
    )


def confirmed(phone: Phone) -> set[str]:
    """Return the ids of the stanzas that the device has confirmed, as the simulator noted."""
    both = ("acks", "receipts")
    return {one["id"] for what in both for one in phone.simulator.get(phone.url(f"/{what}"))[what]}


def kill_at_random(service: Service, story: Story) -> None:
    """Kill the process each time that the device has confirmed some more stanzas."""
    for _ in range(KILLS):
        enough = len(confirmed(story.phone)) + story.chance.randrange(1, 60)
        wait_for(
            lambda enough=enough: len(confirmed(story.phone)) >= enough,  # type: ignore[misc]
            seconds=30,
            what=f"{enough} confirmed stanzas",
        )
        service.kill()
        service.start()


def read_log(caller: Caller) -> list[dict[str, Any]]:
    """Read the events of chats to the end of the log."""
    found: list[dict[str, Any]] = []
    after, end = -1, 0
    while after != end:
        after = end
        query = {"after": after, "limit": 1000, "types": ",".join(EVENTS)}
        page = caller.request("GET", "/events", params=query).json()
        found += page["events"]
        end = page["next_after"]
    return found


def told(log: Sequence[dict[str, Any]], *causes: str) -> list[Said]:
    """Return what the events with one of the causes are about, in their order."""
    return [
        (event["data"]["chat_jid"], EVENTS[event["event"]])
        for event in log
        if event["data"]["cause"] in causes
    ]


def check_log(log: Sequence[dict[str, Any]], story: Story) -> None:
    """Everything is told once: messages in their order, and so the changes of each collection.

    What a kill took on its way here was read anew, and comes behind what happened meanwhile.
    """
    assert told(log, "new_message") == [(sender, "archived") for sender in story.sent_at]
    assert Counter(told(log, "phone", "reconciled")) == Counter(story.changes)
    in_time = told(log, "phone")
    for is_mute in (True, False):
        seen = [one for one in in_time if (one[1] == "muted") is is_mute]
        assert seen == [one for one in story.changes if one in set(seen)]


def check_list(caller: Caller, story: Story) -> None:
    """The list shows what the phone shows: its app state, and the times of the messages."""
    rows = {row["jid"]: row for row in caller.request("GET", "/chats").json()["chats"]}
    for sender, at in story.sent_at.items():
        assert (rows[sender]["archived"], rows[sender]["last_message_at"]) == (False, at)
    for sender in story.chance.sample(sorted(story.sent_at), 20):
        shown = story.phone.simulator.get(story.phone.url(f"/archived/{sender}"))
        assert shown == {"archived": False}
    entries = [
        tuple(entry["index"])
        for name in ("regular_low", "regular_high")
        for entry in story.phone.collection(name)["entries"]
    ]
    kinds = {"archived": "archive", "pinned": "pin_v1", "muted": "mute"}
    for chat, setting in story.changes:
        for name, kind in kinds.items():
            assert rows[chat][name] is ((kind, chat) in entries), (chat, setting)


def test_kills_lose_and_double_nothing(own_service: Service, simulator: Simulator) -> None:
    """Whenever the process is killed, in the end the log and the list have all of it, once."""
    phone = phone_with_archive(simulator)
    caller = own_service.register().link(phone)
    wait_listed(caller)
    story = Story(phone, random.Random(SEED))  # noqa: S311 - to be repeatable
    with ThreadPoolExecutor(1) as threads:
        happening = threads.submit(story.run)
        kill_at_random(own_service, story)
        happening.result()
    wait_for(lambda: confirmed(phone) >= set(story.messages), seconds=30, what="every stanza")
    log = wait_for(
        lambda: len(log := read_log(caller)) >= MESSAGES + CHANGES and log,
        seconds=30,
        what="all events",
    )
    check_log(log, story)
    check_list(caller, story)
    assert phone.violations() == []
