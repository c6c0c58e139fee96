"""What the event log says of a device's connection when its status changes.

`device.…` are the changes that matter to the owner, `connection.…` the troubles behind them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from sessions.observations import Observation
from sessions.states import Device, DeviceStatus

_TEMPORARY_BAN = "temporary_ban"
_SILENCE = "keepalive_timeout"
_REFUSALS: Mapping[DeviceStatus, str] = MappingProxyType(
    {
        DeviceStatus.REPLACED: "connection.stream_replaced",
        DeviceStatus.OUTDATED: "connection.failure",
        DeviceStatus.BANNED: "connection.failure",
        DeviceStatus.STOPPED: "connection.failure",
    }
)


def name_changes(before: Device, now: Observation) -> Iterator[str]:
    """Name the events that a change of the status is, if it is one."""
    if now.status is before.status:
        return
    reason = now.reason or ""
    if now.status is DeviceStatus.BANNED and reason.startswith(_TEMPORARY_BAN):
        yield "connection.temporary_ban"
    elif now.status in _REFUSALS:
        yield _REFUSALS[now.status]
    elif before.status is DeviceStatus.CONNECTED and reason == _SILENCE:
        yield "connection.keepalive_timeout"
    elif now.status is DeviceStatus.CONNECTED and before.reason == _SILENCE:
        yield "connection.keepalive_restored"
    if now.status is DeviceStatus.CONNECTED:
        yield "device.connected"
    elif now.status is DeviceStatus.LOGGED_OUT:
        yield "device.logged_out"
    elif before.status is DeviceStatus.CONNECTED:
        yield "device.disconnected"
