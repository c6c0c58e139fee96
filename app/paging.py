"""Pages of lists: which one a request wants, and its answer with the cursor of the next one.

A cursor is opaque and signed; it belongs to one list of one owner, and fits no other.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Mapping
from typing import Any

from app.context import context
from sessions.errors import InvalidInput, Problem
from sessions.paging import Page, PageRequest, Position

SIGNATURE_LENGTH = 16


def read_page(query: Mapping[str, Any], *, name: str, owner: str = "") -> PageRequest:
    """Return the page of a list that a parsed query asks for. Raises InvalidInput."""
    cursor = query.get("cursor")
    after = None if cursor is None else read_cursor(cursor, _key(name, owner))
    return PageRequest(query["limit"], after)


def show_page(page: Page[Any], *, name: str, owner: str = "") -> dict[str, Any]:
    """Return the members of the answer with a page, its rows under the name of the list."""
    answer: dict[str, Any] = {name: page.items, "count": len(page.items)}
    if page.next is not None:
        answer["next_cursor"] = write_cursor(page.next, _key(name, owner))
    return answer


def write_cursor(position: Position, key: bytes) -> str:
    """Write a position as a cursor."""
    payload = json.dumps(position, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_sign(payload, key) + payload).rstrip(b"=").decode()


def read_cursor(cursor: str, key: bytes) -> Position:
    """Read a cursor of the same list and owner. Raises InvalidInput for any other text."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _unknown_cursor() from None
    signature, payload = raw[:SIGNATURE_LENGTH], raw[SIGNATURE_LENGTH:]
    if not hmac.compare_digest(signature, _sign(payload, key)):
        raise _unknown_cursor()
    number, name = json.loads(payload)
    return int(number), str(name)


def _key(name: str, owner: str) -> bytes:
    return context().master.derive_key(f"cursor:{name}:{owner}")


def _sign(payload: bytes, key: bytes) -> bytes:
    return hmac.digest(key, payload, "sha256")[:SIGNATURE_LENGTH]


def _unknown_cursor() -> InvalidInput:
    return InvalidInput([Problem("cursor", "Is not a cursor of this list.")])
