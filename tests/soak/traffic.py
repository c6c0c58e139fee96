"""What the users of a soak do: mixed requests, each answer held against the documentation.

A user's requests follow one another; `Traffic` lets many users at it. Its lock guards the counts
and the findings, nothing blocks under it.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from typing import Any

import httpx

from tests.soak.fleet import Device
from tests.soak.ledger import Ledger, Outcome
from tests.support.contract import document

CHATS = 12
"""How many chats of each device one user changes."""

NOTHING_SENT = frozenset(
    {
        "DEVICE_NOT_READY",
        "APP_STATE_NOT_READY",
        "DEVICE_BUSY",
        "RATE_LIMITED",
        "OVERLOADED",
        "STORAGE_UNAVAILABLE",
    }
)
"""The codes that promise that the change has not left, and never will."""

REPEATABLE = frozenset({503, 504})
PAUSE_SECONDS = 0.05


@dataclass(slots=True)
class Traffic:
    """What all users see."""

    devices: Sequence[Device]
    ledger: Ledger
    stopping: Event = field(default_factory=Event)
    outage: Event = field(default_factory=Event)
    answers: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def count(self, what: str) -> None:
        """Count an answer."""
        with self.lock:
            self.answers[what] += 1

    def complain(self, what: str) -> None:
        """Note what must not happen."""
        with self.lock:
            self.findings.append(what)

    def check(self, template: str, answer: httpx.Response) -> str:
        """Hold an answer against the documentation; returns its error code, or `ok`."""
        operation = document()["paths"][template][answer.request.method.lower()]
        documented = operation["responses"].get(str(answer.status_code))
        code = "ok" if answer.is_success else str(answer.json().get("error_code"))
        told = f"{answer.request.method} {template}: {answer.status_code} {code}"
        self.count(told)
        if documented is None or answer.status_code == 500:
            self.complain(f"{told} is not documented")
        elif not answer.is_success:
            if code not in documented["content"]["application/json"]["examples"]:
                self.complain(f"{told} is not among the documented codes")
            if answer.status_code in REPEATABLE and "Retry-After" not in answer.headers:
                self.complain(f"{told} does not say when to repeat")
        return code


class User:
    """One thread of requests, with chats that nobody else changes."""

    def __init__(self, number: int, traffic: Traffic, *, seed: int) -> None:
        self._number = number
        self._traffic = traffic
        self._random = random.Random(f"{seed} user {number}")  # noqa: S311 - to be repeatable
        self._http = traffic.devices[0].caller.service.client()
        self._thread = Thread(target=self._run, name=f"user-{number}")
        self._acts = [
            (70, self._archive),
            (8, self._show_status),
            (4, self._wait_for_news),
            (4, self._list_devices),
            (3, self._show_pairing),
            (8, self._send_nonsense),
            (1, self._bounce),
        ]

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def join(self, seconds: float) -> bool:
        """Wait for the end; returns whether it came."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        with self._http:
            self._work()

    def _work(self) -> None:
        weights, acts = zip(*self._acts, strict=True)
        while not self._traffic.stopping.is_set():
            device = self._random.choice(self._traffic.devices)
            (act,) = self._random.choices(acts, weights)
            try:
                act(device)
            except Exception as error:
                self._traffic.complain(f"user {self._number}: {error!r}")

    def _request(
        self, device: Device, method: str, template: str, **options: Any
    ) -> tuple[str, int]:
        """Send a request and check its answer. No connection is fine only while nobody serves."""
        path = template.format(chat_jid=options.pop("chat_jid", ""))
        in_outage = self._traffic.outage.is_set()
        try:
            answer = device.request(method, path, http=self._http, **options)
        except httpx.TransportError as error:
            if not in_outage and not self._traffic.outage.is_set():
                self._traffic.complain(f"{method} {template}: {error!r} while it was served")
            self._traffic.count(f"{method} {template}: no answer")
            self._traffic.stopping.wait(PAUSE_SECONDS)
            return "no answer", 0
        if "Retry-After" in answer.headers:
            self._traffic.stopping.wait(PAUSE_SECONDS)
        return self._traffic.check(template, answer), answer.status_code

    def _archive(self, device: Device) -> None:
        number = self._random.randrange(CHATS)
        jid = f"1555{self._number:03}{number:04}@s.whatsapp.net"
        chat = (device.phone.pn, jid)
        wish = self._traffic.ledger.wish(chat, self._random.random() < 0.5)
        body = {"archived": wish.archived, "last_message_timestamp": wish.stamp}
        code, _ = self._request(
            device, "POST", "/chats/{chat_jid}/archive", chat_jid=jid, json=body
        )
        outcome = Outcome.ACCEPTED if code == "ok" else Outcome.UNKNOWN
        if code in NOTHING_SENT:
            outcome = Outcome.REFUSED
        self._traffic.ledger.settle(chat, wish, outcome)

    def _show_status(self, device: Device) -> None:
        self._request(device, "GET", "/status")

    def _wait_for_news(self, device: Device) -> None:
        self._request(device, "GET", "/status", params={"wait": 1})

    def _list_devices(self, device: Device) -> None:
        self._request(device, "GET", "/devices")

    def _show_pairing(self, device: Device) -> None:
        self._request(device, "GET", "/qr/status")

    def _send_nonsense(self, device: Device) -> None:
        jid = self._random.choice(["12", "1@newsletter", "15557000001:3@s.whatsapp.net"])
        body = {"archived": self._random.choice([True, None, "yes", 1])}
        code, status = self._request(
            device, "POST", "/chats/{chat_jid}/archive", chat_jid=jid, json=body
        )
        if status and status != 503 and code != "VALIDATION_ERROR":
            self._traffic.complain(f"nonsense was answered with {status} {code}")

    def _bounce(self, device: Device) -> None:
        self._request(device, "POST", "/disconnect")
        self._request(device, "POST", "/connect")
