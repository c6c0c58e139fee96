"""Chat JIDs as clients write them. Percent-decoding is done once, by whoever reads the URL."""

from __future__ import annotations

import re

from sessions.errors import InvalidInput, Problem

USER_SERVER = "s.whatsapp.net"
LID_SERVER = "lid"

# The servers that name a chat, with the exact form of what stands before the "@".
_USER_PARTS = {
    USER_SERVER: re.compile(r"[0-9]{5,15}"),
    "g.us": re.compile(r"[0-9]{10,25}|[0-9]{1,25}-[0-9]{1,25}"),
    LID_SERVER: re.compile(r"[0-9]{1,25}"),
}
_ALIASES = {"c.us": USER_SERVER}
# By country: where a further digit may stand, which one, and how long the number is without it.
_TWO_FORMS = {"55": (4, "9", 12), "52": (2, "1", 12), "54": (2, "9", 12)}
_NUMBER = re.compile(r"[0-9]{7,15}")
_NUMBER_DECORATION = str.maketrans("", "", "+-() ")


def parse_chat_jid(text: str, field: str = "chat_jid") -> str:
    """Return the normalised JID of a chat.

    A JID with a server is used digit for digit; a plain number stands for a user. `field` names the
    input in the error. Raises InvalidInput.
    """
    if "@" in text:
        return _parse_full(text, field)
    digits = text.translate(_NUMBER_DECORATION)
    if not _NUMBER.fullmatch(digits):
        raise _invalid(field, "Not a chat JID or a phone number of 7 to 15 digits.")
    return f"{digits}@{USER_SERVER}"


def parse_phone(text: str, field: str = "phone") -> str:
    """Return the digits of a phone number in international form. Raises InvalidInput."""
    digits = text.translate(_NUMBER_DECORATION)
    if not _NUMBER.fullmatch(digits) or digits.startswith("0"):
        raise _invalid(field, "Not a phone number with its country code, of 7 to 15 digits.")
    return digits


def is_chat_jid(text: str) -> bool:
    """Tell whether a JID names a person or a group, as it is and without a device part."""
    user, _, server = text.partition("@")
    pattern = _USER_PARTS.get(server)
    return pattern is not None and pattern.fullmatch(user) is not None


def is_person(jid: str) -> bool:
    """Tell whether a JID is a user's, by number or LID."""
    return jid.endswith((f"@{USER_SERVER}", f"@{LID_SERVER}"))


def without_device(jid: str) -> str:
    """Return a JID without its device part, such as `:12` in `15550001111:12@s.whatsapp.net`."""
    user, at, server = jid.partition("@")
    return f"{user.partition(':')[0].partition('.')[0]}{at}{server}"


def phone_number_of(jid: str | None) -> str | None:
    """Return the digits of a user's JID (a device part dropped), or None for any other JID."""
    if jid is None:
        return None
    user, _, server = jid.partition("@")
    return user.partition(":")[0] if server == USER_SERVER else None


def _parse_full(text: str, field: str) -> str:
    user, _, server = text.partition("@")
    if ":" in user:
        raise _invalid(field, "A chat JID has no device part.")
    server = _ALIASES.get(server, server)
    pattern = _USER_PARTS.get(server)
    if pattern is None:
        raise _invalid(field, "Only s.whatsapp.net, g.us and lid are servers of chats.")
    if not pattern.fullmatch(user):
        raise _invalid(field, f"Not the digits of a JID on {server}.")
    return f"{user}@{server}"


def _invalid(field: str, message: str) -> InvalidInput:
    return InvalidInput([Problem(field, message)])


def other_number(jid: str) -> str | None:
    """Return the other form of a user's number in the countries whose numbers have two.

    Mobile numbers of Brazil (55), Mexico (52) and Argentina (54) are in use with and without a
    digit behind the country or area code. None: there is no other form.
    """
    number = phone_number_of(jid) or ""
    if number[:2] not in _TWO_FORMS:
        return None
    place, digit, length = _TWO_FORMS[number[:2]]
    if len(number) == length:
        return f"{number[:place]}{digit}{number[place:]}@{USER_SERVER}"
    if len(number) == length + 1 and number[place] == digit:
        return f"{number[:place]}{number[place + 1 :]}@{USER_SERVER}"
    return None
