"""Which calls are rejected and answered by themselves: the settings of a device, and their rules.

Everything here is pure; times are aware datetimes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

FRESH = timedelta(seconds=60)
"""An offer that is older is stale: nobody waits at the other end any more."""
REPLY_LIFE = timedelta(minutes=10)
"""For so long after its call a reply is tried."""
HOUR = timedelta(hours=1)
MOST_REPLIES = 30
"""So many replies an hour a device sends."""
LONGEST_COOLDOWN = timedelta(days=7)
"""As long as calls are kept, for they say who was answered when."""


class AutoReject(StrEnum):
    """Which calls are rejected by themselves."""

    OFF = "off"
    ALL = "all"
    DIRECT = "direct"
    GROUP = "group"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class AutoReply:
    """The text that callers get, if at all. `text` is its owner's alone: it is logged nowhere."""

    enabled: bool = False
    text: str | None = field(default=None, repr=False)
    cooldown_seconds: int = 300
    also_when_not_rejected: bool = False


@dataclass(frozen=True, slots=True)
class CallSettings:
    """What a device does with calls. `allow`: JIDs whose calls are never rejected by a rule."""

    auto_reject: AutoReject = AutoReject.OFF
    allow: tuple[str, ...] = ()
    auto_reply: AutoReply = AutoReply()


@dataclass(frozen=True, slots=True)
class Incoming:
    """A call as the rules see it. `jids` are the caller's and the group's; `is_known`: saved."""

    jids: frozenset[str]
    is_group: bool
    is_known: bool


_RULES: Mapping[AutoReject, Callable[[Incoming], bool]] = MappingProxyType(
    {
        AutoReject.OFF: lambda _: False,
        AutoReject.ALL: lambda _: True,
        AutoReject.DIRECT: lambda call: not call.is_group,
        AutoReject.GROUP: lambda call: call.is_group,
        AutoReject.UNKNOWN: lambda call: not call.is_known,
    }
)


def rejects(settings: CallSettings, call: Incoming) -> bool:
    """Tell whether a call is rejected by itself; who is on the list never is."""
    return call.jids.isdisjoint(settings.allow) and _RULES[settings.auto_reject](call)


def replies(reply: AutoReply, *, is_rejected: bool) -> bool:
    """Tell whether a caller is to be answered."""
    return reply.enabled and (is_rejected or reply.also_when_not_rejected)


class Verdict(StrEnum):
    """What becomes of a reply when its turn comes."""

    SEND = "send"
    DISABLED = "disabled"
    EXPIRED = "expired"
    COOLING_DOWN = "cooling_down"
    SUPPRESSED = "suppressed"


@dataclass(frozen=True, slots=True)
class Replies:
    """The replies that went out before: the caller's last one, and how many in the last hour."""

    last_to_caller: datetime | None
    in_last_hour: int


def judge(reply: AutoReply, before: Replies, *, called_at: datetime, now: datetime) -> Verdict:
    """Decide whether the reply to a call of that time goes out now."""
    cooldown = timedelta(seconds=reply.cooldown_seconds)
    if not reply.enabled or not reply.text:
        return Verdict.DISABLED
    if now - called_at > REPLY_LIFE:
        return Verdict.EXPIRED
    if before.last_to_caller is not None and now - before.last_to_caller < cooldown:
        return Verdict.COOLING_DOWN
    if before.in_last_hour >= MOST_REPLIES:
        return Verdict.SUPPRESSED
    return Verdict.SEND


def build_message_id(call_id: str) -> str:
    """Return the id of the reply to a call: the same each time, so that it can't be doubled."""
    return "3EB0" + hashlib.sha256(call_id.encode()).hexdigest()[:18].upper()
