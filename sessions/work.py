"""What the effects of a batch of events work with, within its one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

from sqlalchemy.orm import Session as Transaction

from bridge.interface import Event
from sessions.app_state_changes import Change
from sessions.mirror import Mirror
from sessions.states import DeviceKey
from sessions.store import devices as rows


@dataclass(slots=True)
class FullSyncs:
    """What came so far of collections that are read anew, until the last change of each is there.

    It outlives a batch: a whole collection may fill several. What the next process would lack of
    it, it reads anew, for the version that the mirror reflects is noted only at the end.
    """

    changes: dict[tuple[DeviceKey, str], dict[tuple[str, ...], Change]] = field(
        default_factory=dict
    )
    finished: set[tuple[DeviceKey, str]] = field(default_factory=set)

    def add(self, key: DeviceKey, change: Change) -> Sequence[Change]:
        """Keep a change, once if it is repeated; returns all of them when this is the last one."""
        place = (key, change.collection)
        kept = self.changes.setdefault(place, {})
        if any(other.version != change.version for other in kept.values()):
            kept.clear()
        kept[change.index] = change
        if not change.is_last:
            return ()
        self.finished.add(place)
        return list(kept.values())

    def forget_finished(self) -> None:
        """Drop what is committed."""
        for place in self.finished:
            self.changes.pop(place, None)
        self.finished.clear()


class Work:
    """The transaction, and in it the mirrors of the devices that the batch is about.

    `jids` are those that its events name, by device; `now` is in Unix milliseconds; `calls` counts
    the new ones.
    """

    def __init__(
        self,
        transaction: Transaction,
        *,
        jids: Mapping[DeviceKey, Set[str]],
        full_syncs: FullSyncs,
        now: int,
    ) -> None:
        self.transaction = transaction
        self.full_syncs = full_syncs
        self.now = now
        self.calls = 0
        self._jids = jids
        self._mirrors: dict[DeviceKey, Mirror | None] = {}

    def mirror(self, key: DeviceKey) -> Mirror | None:
        """Return the mirror of a device; None when the tenant has no such device."""
        if key not in self._mirrors:
            self._mirrors[key] = self._open(key)
        return self._mirrors[key]

    def write(self) -> None:
        """Write what the effects have changed."""
        for mirror in self._mirrors.values():
            if mirror is not None:
                mirror.write()

    def _open(self, key: DeviceKey) -> Mirror | None:
        if not rows.exists(self.transaction, key):
            return None
        jids = self._jids.get(key, frozenset())
        return Mirror(self.transaction, key.device_id, jids=jids, now=self.now)


def named_jids(events: Sequence[Event]) -> dict[DeviceKey, set[str]]:
    """Return the JIDs that events name anywhere in their data, by device."""
    found: dict[DeviceKey, set[str]] = {}
    for event in events:
        key = DeviceKey(event.tenant_id, event.device_id)
        _collect(event.data, found.setdefault(key, set()))
    return found


def _collect(value: object, found: set[str]) -> None:
    if isinstance(value, str):
        if "@" in value:
            found.add(value)
    elif isinstance(value, dict):
        for member in value.values():
            _collect(member, found)
    elif isinstance(value, (list, tuple)):
        for member in value:
            _collect(member, found)
