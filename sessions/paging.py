"""Lists in pages. A position names the last row of a page; the next page begins behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

Position = tuple[int, str]
"""What a list is ordered by: a number that need not be unique, and an id."""


@dataclass(frozen=True, slots=True)
class PageRequest:
    """At most `limit` rows, behind the position `after` or from the start."""

    limit: int = 100
    after: Position | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Rows in order, and the position to go on from; None when there is no more."""

    items: Sequence[T]
    next: Position | None = None
