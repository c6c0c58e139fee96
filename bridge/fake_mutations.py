"""Mutations of the stand-in bridge's app state, as in docs/bridge.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bridge.errors import BridgeCode, BridgeError

_TYPES = {
    "archive": ("regular_low", {"archived", "range_at"}, "archive"),
    "pin": ("regular_low", {"pinned"}, "pin_v1"),
    "read": ("regular_low", {"read", "range_at"}, "markChatAsRead"),
    "mute": ("regular_high", {"muted"}, "mute"),
}
_ACTIONS = {
    "archive": ("archiveChatAction", "archived"),
    "pin": ("pinAction", "pinned"),
    "read": ("markChatAsReadAction", "read"),
}


def to_index(mutation: Mapping[str, Any]) -> tuple[str, str]:
    """Return the index of the entry that a mutation changes."""
    return _TYPES[mutation["type"]][2], mutation["chat_jid"]


def to_value(mutation: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mutation as WhatsApp's SyncActionValue in protojson."""
    kind = mutation["type"]
    if kind == "mute":
        until = {"muteEndTimestamp": str(mutation.get("muted_until", -1))}
        return {"muteAction": {"muted": mutation["muted"], **(until if mutation["muted"] else {})}}
    action, name = _ACTIONS[kind]
    return {action: {name: mutation[name]}}


def check_mutations(mutations: Sequence[Mapping[str, Any]], collection: str) -> None:
    """Refuse a patch that the bridge would not even try to send."""
    if not 1 <= len(mutations) <= 100:
        raise BridgeError(BridgeCode.INVALID_ARGUMENT, "a patch has 1 to 100 mutations")
    for mutation in mutations:
        home, fields, _ = _TYPES.get(mutation.get("type", ""), ("", set(), ""))
        given = set(mutation) - {"type", "chat_jid", "muted_until"}
        if home != collection or given != fields or "@" not in mutation.get("chat_jid", ""):
            raise BridgeError(BridgeCode.INVALID_ARGUMENT, "not a mutation of this collection")
    if len({(m["type"], m["chat_jid"]) for m in mutations}) != len(mutations):
        raise BridgeError(BridgeCode.INVALID_ARGUMENT, "one index twice in a patch")
