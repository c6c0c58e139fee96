"""What sections say together: the service beside plain whatsmeow and beside the bare framework."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.bench.archives import Row
from tests.bench.batches import WHOLE, BatchRow
from tests.bench.plain import PlainRow

TRIP_MS = 50
CONNECTIONS = 128


def compare(results: Mapping[str, Any]) -> dict[str, float]:
    """Return the ratios at 50 ms that the sections which were measured allow."""
    single = _single(results.get("archives", ()))
    serial = _serial(results.get("plain", ()))
    batch = _batch(results.get("batches", ()))
    found: dict[str, float] = {}
    if single is not None:
        found["archives by 128 connections / bare framework"] = single.ratio
    if single is not None and serial:
        found["archives by 128 connections / serial SendAppState"] = round(
            single.wuts.per_second / serial, 1
        )
    if batch and serial:
        found["batches of 500 / serial SendAppState"] = round(batch / serial, 1)
    return found


def _single(rows: Sequence[Row]) -> Row | None:
    wanted = (TRIP_MS, CONNECTIONS)
    return next((row for row in rows if (row.round_trip_ms, row.connections) == wanted), None)


def _serial(rows: Sequence[PlainRow]) -> float | None:
    wanted = (TRIP_MS, 1)
    found = (row for row in rows if (row.round_trip_ms, row.workers) == wanted)
    return next((row.archives_per_second for row in found), None)


def _batch(rows: Sequence[BatchRow]) -> float | None:
    wanted = (TRIP_MS, WHOLE)
    found = (row for row in rows if (row.round_trip_ms, row.chats) == wanted)
    return next((row.archives_per_second for row in found), None)
