"""Calls, texts and presence of the stand-in bridge's devices, as in docs/bridge.md.

Nothing here is synchronised: `bridge.fake` holds its lock around every use.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LASTING = (0, 86_400, 604_800, 7_776_000)
"""For how many seconds messages may last; 0: for ever."""
_LONGEST_TEXT = 4096
_MESSAGE_ID = re.compile(r"[0-9A-F]{16,32}")


@dataclass(slots=True)
class Talk:
    """What a device has sent. `acknowledges`: the server takes rejects.

    `texts` holds what callers read, once for each id however often it was sent.
    """

    acknowledges: bool = True
    rejects: list[Mapping[str, Any]] = field(default_factory=list)
    texts: dict[str, tuple[str, str]] = field(default_factory=dict)
    typing: list[tuple[str, str, str]] = field(default_factory=list)
    presence: str = "unavailable"
    subscriptions: list[str] = field(default_factory=list)
    lasting: dict[str, int] = field(default_factory=dict)

    def reject(self, **params: Any) -> dict[str, Any]:
        """Take a reject."""
        _require(set(params) == {"call_id", "from", "creator"} and all(params.values()))
        self.rejects.append(params)
        return {"acknowledged": self.acknowledges}

    def send_text(self, now: int, *, to: str, text: str, message_id: str) -> dict[str, Any]:
        """Deliver a text."""
        _require(_is_person(to) and 1 <= len(text) <= _LONGEST_TEXT)
        _require(_MESSAGE_ID.fullmatch(message_id) is not None)
        self.texts.setdefault(message_id, (to, text))
        return {"sent_at": now}

    def set_typing(self, *, chat_jid: str, state: str, media: str) -> dict[str, Any]:
        """Show typing."""
        _require(
            "@" in chat_jid and state in ("composing", "paused") and media in ("text", "audio")
        )
        self.typing.append((chat_jid, state, media))
        return {}

    def set_lasting(self, now: int, *, chat_jid: str, seconds: int) -> dict[str, Any]:
        """Let messages disappear."""
        _require("@" in chat_jid and seconds in LASTING)
        self.lasting[chat_jid] = seconds
        return {"set_at": now}

    def set_presence(self, *, state: str) -> dict[str, Any]:
        """Show the account online or offline."""
        _require(state in ("available", "unavailable"))
        self.presence = state
        return {}

    def subscribe(self, *, jid: str) -> dict[str, Any]:
        """Ask for somebody's presence."""
        _require(_is_person(jid))
        self.subscriptions.append(jid)
        return {}


def build_offer(call_id: str, caller: str, *, now: int, **fields: Any) -> dict[str, Any]:
    """Return the data of a `call.offer`; `fields` are those that differ, None removes one."""
    offer = {
        "call_id": call_id,
        "from": caller,
        "creator": caller,
        "media": "audio",
        "notice": False,
        "offered_at": now,
        "offline": False,
        **fields,
    }
    return {name: value for name, value in offer.items() if value is not None}


def _require(is_fit: bool) -> None:
    if not is_fit:
        raise ValueError("the params don't fit")


def _is_person(jid: str) -> bool:
    return jid.endswith(("@s.whatsapp.net", "@lid"))
