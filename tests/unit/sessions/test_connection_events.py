"""Which events a change of a device's status is."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sessions.connection_events import name_changes
from sessions.observations import Observation
from sessions.states import DesiredState, Device, DeviceStatus

NOW = datetime(2026, 6, 15, tzinfo=UTC)


def device(status: str, reason: str | None) -> Device:
    """Make a device of that status."""
    return Device(
        id="device",
        tenant_id="tenant",
        user_id="user",
        name="phone",
        desired=DesiredState.ONLINE,
        status=DeviceStatus(status),
        reason=reason,
        revision=0,
        created_at=NOW,
        updated_at=NOW,
    )


@pytest.mark.parametrize(
    ("before", "now", "events"),
    [
        ("connecting", "connected", ["device.connected"]),
        ("connected", "connected", []),
        ("connecting connect_failed", "connecting refused_503", []),
        ("connected", "disconnected stream_error", ["device.disconnected"]),
        ("connecting", "disconnected requested", []),
        (
            "connected",
            "disconnected keepalive_timeout",
            ["connection.keepalive_timeout", "device.disconnected"],
        ),
        ("disconnected keepalive_timeout", "connecting keepalive_timeout", []),
        (
            "connecting keepalive_timeout",
            "connected",
            ["connection.keepalive_restored", "device.connected"],
        ),
        (
            "connected",
            "replaced another_connection",
            ["connection.stream_replaced", "device.disconnected"],
        ),
        ("connecting", "banned temporary_ban_101", ["connection.temporary_ban"]),
        ("connecting", "banned account_banned", ["connection.failure"]),
        ("connecting", "outdated client_outdated", ["connection.failure"]),
        ("connecting", "stopped refused_400", ["connection.failure"]),
        ("connected", "logged_out unlinked", ["device.logged_out"]),
        ("new", "pairing", []),
    ],
)
def test_changes(before: str, now: str, events: list[str]) -> None:
    """The owner is told what matters to him, and what troubles the connection."""
    status, _, reason = before.partition(" ")
    present, _, cause = now.partition(" ")
    seen = Observation(DeviceStatus(present), cause or None)
    assert list(name_changes(device(status, reason or None), seen)) == events
