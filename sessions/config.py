"""What the service is built from. `app/settings.py` fills it from the environment."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Network:
    """The WhatsApp that devices talk to: the real one, or a simulator on loopback.

    `endpoint` is `ADDRESS:PORT` and `root_key` 64 hex digits; both are None for the real one.
    """

    endpoint: str | None = None
    root_key: str | None = None

    @classmethod
    def whatsapp(cls) -> Network:
        """Return the real WhatsApp."""
        return cls()

    @classmethod
    def simulator(cls, endpoint: str, root_key: str) -> Network:
        """Return a simulator, known by the root key that it certifies itself with."""
        return cls(endpoint, root_key.lower())

    @property
    def name(self) -> str:
        """What a data directory remembers: whose accounts its keys belong to."""
        if self.root_key is None:
            return "whatsapp"
        return "sim:" + hashlib.sha256(bytes.fromhex(self.root_key)).hexdigest()

    def to_bridge(self) -> dict[str, Any]:
        """Return the `network` of the bridge's start configuration."""
        if self.root_key is None:
            return {"kind": "whatsapp"}
        return {"kind": "simulator", "endpoint": self.endpoint, "root_key": self.root_key}


@dataclass(frozen=True, slots=True)
class Listener:
    """A literal address and a port that this process listens on."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class ServiceConfig:
    """Where the data is, which network it belongs to, and every bound of the service.

    Without `encryption_key` one is made in the data directory. Webhooks reach `webhook_allow`
    besides the public internet, and never the `listeners`.
    """

    data_dir: Path
    network: Network
    pool_size: int = 64
    tenant_running: int = 16
    lane_limit: int = 1000
    busy_after_seconds: float = 2.0
    busy_waiters: int = 8
    command_slots: int = 112
    poll_slots: int = 32
    polls_per_user: int = 4
    devices_per_user: int = 5
    devices_per_tenant: int = 50
    pairings_per_tenant: int = 3
    pairings: int = 20
    pair_codes_per_hour: int = 3
    pair_codes_per_tenant: int = 60
    audit_days: int = 90
    disk_alert_mib: int = 1024
    disk_reserve_mib: int = 64
    log_level: str = "info"
    wa_version: str | None = None
    encryption_key: str | None = field(default=None, repr=False)
    webhook_allow: tuple[IPv4Network | IPv6Network, ...] = ()
    listeners: tuple[Listener, ...] = ()
