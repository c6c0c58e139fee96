"""How the names of people and groups are chosen, ordered and searched."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat

from sessions.jid import phone_number_of

SORT_LENGTH = 40
_SEARCH_LENGTH = 1000
_FORMATTED = 20_000
_NUMBER_LIKE = re.compile(r"[0-9+() -]+")
# Letters that Unicode doesn't take apart into a plain one and an accent.
_PLAIN = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ŧ": "t", "æ": "ae", "œ": "oe"})


class NameSource(StrEnum):
    """Where a chat's name comes from, the best first."""

    CONTACT = "contact"
    BUSINESS = "business"
    SUBJECT = "subject"
    PUSH_NAME = "push_name"
    NUMBER = "number"


# To go through an enumeration is slow, and this is done for every chat of every page.
_SOURCES = tuple(NameSource)


def choose_name(names: Iterable[str | None], jid: str) -> tuple[str, NameSource] | None:
    """Return the best name and where it comes from; None for a LID that has none.

    `names` are in the order of NameSource. A LID is never shown as a number.
    """
    for source, name in zip(_SOURCES, names, strict=False):
        if name:
            return name, source
    number = phone_number_of(jid)
    return None if number is None else (f"+{number}", NameSource.NUMBER)


@lru_cache(_FORMATTED)
def format_number(number: str) -> str:
    """Return a number, `+` and digits, as it is written internationally.

    One of a region that nobody knows stays as it is. Finding out takes a while, so it is kept.
    """
    try:
        parsed = phonenumbers.parse(number)
    except NumberParseException:
        return number
    return phonenumbers.format_number(parsed, PhoneNumberFormat.INTERNATIONAL)


def fold(text: str) -> str:
    """Return text as it is compared: without accents, and without a difference of case."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(character for character in apart if not unicodedata.combining(character))
    return plain.translate(_PLAIN)


def build_sort_name(name: str) -> str:
    """Return what a name is ordered by."""
    return fold(name)[:SORT_LENGTH]


def build_search(names: Iterable[str | None], jid: str) -> str:
    """Return the text in which a chat is searched: its names and its number, one a line."""
    lines = [fold(name) for name in names if name]
    number = phone_number_of(jid)
    return "\n".join([number, *lines] if number else lines)[:_SEARCH_LENGTH]


def build_needle(query: str) -> str:
    """Return what to look for in those texts. A number may be written with its decoration."""
    if _NUMBER_LIKE.fullmatch(query):
        digits = "".join(character for character in query if character.isdigit())
        return digits or fold(query)
    return fold(query)
