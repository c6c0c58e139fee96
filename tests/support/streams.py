"""Clients of event streams."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import httpx

from app.processes import wait_for
from tests.support.service import Caller


@dataclass(slots=True)
class Follower:
    """A client that asks again whenever its stream ends, with the last id that it has got.

    `ends` says of each stream that ended whether it did so in order; `is_open`, whether one is now.
    """

    caller: Caller
    types: str
    entries: list[dict[str, Any]] = field(default_factory=list)
    ends: list[bool] = field(default_factory=list)
    place: str = "0"
    is_open: bool = False
    _block: dict[str, str] = field(default_factory=dict)

    def follow(self, count: int, *, seconds: float) -> None:
        """Read until so many events were told."""
        with self.caller.service.client() as http:
            wait_for(
                lambda: self._read(http, count) or None, seconds=seconds, what=f"{count} events"
            )

    def _read(self, http: httpx.Client, count: int) -> bool:
        """Read one stream; returns whether so many events were told by now."""
        headers = {"Authorization": f"Bearer {self.caller.token}", "Last-Event-ID": self.place}
        path = f"/events/stream?types={self.types}"
        try:
            with http.stream("GET", path, headers=headers) as answer:
                self.is_open, self._block = answer.is_success, {}
                if self.is_open and self._has_told(count, answer):
                    return True
        except httpx.ConnectError:
            return False
        except httpx.TransportError:
            self._end(in_order=False)
        else:
            self._end(in_order=True)
        return False

    def _has_told(self, count: int, answer: httpx.Response) -> bool:
        for line in answer.iter_lines():
            self._take(line)
            if len(self.entries) >= count:
                return True
        return False

    def _end(self, *, in_order: bool) -> None:
        if self.is_open:
            self.ends.append(in_order)
        self.is_open = False

    def _take(self, line: str) -> None:
        """Read a line; what a block says counts once it is whole."""
        if line:
            name, _, value = line.partition(": ")
            self._block[name] = value
            return
        if "data" in self._block:
            self.entries.append(json.loads(self._block["data"]))
        self.place = self._block.get("id", self.place)
        self._block = {}
