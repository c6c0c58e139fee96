"""Queries in pages, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Select, and_, or_
from sqlalchemy.orm import Session as Transaction

from sessions.paging import Page, PageRequest
from sessions.times import from_milliseconds, to_milliseconds

T = TypeVar("T")


def fetch_oldest_first(
    transaction: Transaction,
    query: Select[Any],
    *,
    model: Any,
    page: PageRequest,
    convert: Callable[[Any], T],
) -> Page[T]:
    """Fetch a page of rows that have `created_at` and `id`, in this order."""
    if page.after is not None:
        since, last_id = from_milliseconds(page.after[0]), page.after[1]
        query = query.where(
            or_(model.created_at > since, and_(model.created_at == since, model.id > last_id))
        )
    ordered = query.order_by(model.created_at, model.id).limit(page.limit + 1)
    rows = list(transaction.scalars(ordered))
    shown = rows[: page.limit]
    items = [convert(row) for row in shown]
    if len(rows) == len(shown):
        return Page(items)
    return Page(items, (to_milliseconds(shown[-1].created_at), shown[-1].id))
