"""A device that must be served whatever happens to others."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event

import httpx

from tests.support.service import Caller

CHAT = "15557000001@s.whatsapp.net"
EVERY_SECONDS = 0.2
SERVED_SECONDS = 3.0


@dataclass(slots=True)
class Bystander:
    """Another tenant's device, which archives all the time."""

    caller: Caller
    stopping: Event = field(default_factory=Event)
    answers: list[httpx.Response] = field(default_factory=list)

    def work(self) -> None:
        """Archive again and again until told to stop."""
        with self.caller.service.client() as http:
            while not self.stopping.wait(EVERY_SECONDS):
                path, body = f"/chats/{CHAT}/archive", {"archived": len(self.answers) % 2 == 0}
                self.answers.append(self.caller.request("POST", path, http=http, json=body))


@contextmanager
def undisturbed(caller: Caller) -> Iterator[None]:
    """While the body runs, every archive of this caller must succeed, and soon."""
    bystander = Bystander(caller)
    with ThreadPoolExecutor(1) as threads:
        working = threads.submit(bystander.work)
        try:
            yield
        finally:
            bystander.stopping.set()
        working.result()
    assert {answer.status_code for answer in bystander.answers} <= {200}
    slowest = max((answer.elapsed.total_seconds() for answer in bystander.answers), default=0.0)
    assert slowest < SERVED_SECONDS
