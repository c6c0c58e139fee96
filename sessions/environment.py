"""What the use cases work with."""

from __future__ import annotations

from dataclasses import dataclass

from sessions.admission import Admission
from sessions.config import ServiceConfig
from sessions.registry import Registry
from sessions.storage import Storage
from sessions.store.database import Database
from sessions.times import WallClock


@dataclass(frozen=True, slots=True)
class Environment:
    """The parts that the composition root made, handed to every use case."""

    config: ServiceConfig
    database: Database
    registry: Registry
    admission: Admission
    storage: Storage
    now: WallClock
