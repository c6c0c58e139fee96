"""Comparing the mirror of a device with what the bridge has stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sessions.environment import Environment
from sessions.states import Device
from sessions.store import mirrors


def compare_mirror(
    environment: Environment, device: Device, collections: Iterable[Mapping[str, Any]]
) -> None:
    """Note as stale what the bridge has in another version than the mirror. Before connecting.

    `collections` are the rows of the bridge's answer to `app_state.status`.
    """
    with environment.database.write() as transaction:
        mirrored = mirrors.collections(transaction, device.id)
        for row in collections:
            known = mirrored.get(row["name"])
            if row["version"] != (0 if known is None else known.version):
                mirrors.set_stale(transaction, device.id, row["name"], stale=True)
