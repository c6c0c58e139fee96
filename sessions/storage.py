"""Whether what happens can be written down. If not, commands are refused before they are sent.

`Storage.step` writes a row and looks at the free space, again and again. In between, whoever fails
to write anything is believed at once.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import structlog

from sessions.config import ServiceConfig
from sessions.errors import StorageUnavailable
from sessions.store.database import Database
from sessions.store.meta import note_probe
from sessions.times import WallClock

_MIB = 1024 * 1024

log = structlog.get_logger(__name__)


class Space(NamedTuple):
    """Bytes of the disk that can still be used, and whether that is worth an alert."""

    free: int
    is_low: bool


class Storage:
    """What is known of the disk under the data directory. One thread steps, any may ask."""

    def __init__(self, config: ServiceConfig, database: Database, now: WallClock) -> None:
        self._folder: Path = config.data_dir
        self._alert = config.disk_alert_mib * _MIB
        self._reserve = config.disk_reserve_mib * _MIB
        self._database = database
        self._now = now
        self._space: Space | None = None

    @property
    def space(self) -> Space | None:
        """The space at the last step; None before the first one."""
        return self._space

    @property
    def is_well(self) -> bool:
        """Whether the database answers, was writable just now, and has room to grow."""
        return not self._is_full and self._database.is_writable and self._database.is_available()

    def check(self) -> None:
        """Raise StorageUnavailable when what is about to be done could not be written down."""
        if self._is_full:
            raise StorageUnavailable("the disk is full")
        if not self._database.is_writable:
            raise StorageUnavailable

    def step(self) -> None:
        """Find out anew. Raises StorageUnavailable when nothing can be written."""
        self._look_at_space()
        with self._database.write() as transaction:
            note_probe(transaction, self._now())

    @property
    def _is_full(self) -> bool:
        return self._space is not None and self._space.free < self._reserve

    def _look_at_space(self) -> None:
        status = os.statvfs(self._folder)
        free = status.f_bavail * status.f_frsize
        before, self._space = self._space, Space(free, is_low=free < self._alert)
        if self._space.is_low and not (before and before.is_low):
            log.warning("disk_space_low", free_mib=free // _MIB)
