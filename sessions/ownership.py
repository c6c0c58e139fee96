"""Whose devices: which one a request acts on, and how many there may be.

What belongs to another tenant, or to another user when the caller is no manager, is not found.
Everything works in the caller's transaction.
"""

from __future__ import annotations

import uuid

from sqlalchemy.orm import Session as Transaction
from structlog.contextvars import bind_contextvars

from sessions.environment import Environment
from sessions.errors import DeviceNotFound, DeviceRequired, InvalidInput, Problem, QuotaExceeded
from sessions.paging import Page, PageRequest
from sessions.principals import Principal, Role
from sessions.states import DesiredState, Device, DeviceKey, DeviceStatus
from sessions.store import devices as rows
from sessions.tokens import require_active

_MAX_NAME = 100


def choose_device(
    transaction: Transaction, principal: Principal, device_id: str | None
) -> Device | None:
    """Return the named device, or the caller's only one, or None when he has none.

    The request's lines in the log, and its entry in the audit log, name it. Raises DeviceNotFound,
    and DeviceRequired when he has several and names none.
    """
    if device_id is None:
        device = _only_device(rows.of_user(transaction, principal.user_id))
    else:
        device = rows.find(transaction, DeviceKey(principal.tenant_id, device_id.lower()))
        if device is None or not _may_use(principal, device):
            raise DeviceNotFound
    if device is not None:
        bind_contextvars(device_id=device.id)
    return device


def visible_devices(
    transaction: Transaction, principal: Principal, page: PageRequest
) -> Page[Device]:
    """List a page of the devices that the caller may name."""
    if principal.role is Role.USER:
        return rows.page_of_user(transaction, principal.user_id, page)
    return rows.page_of_tenant(transaction, principal.tenant_id, page)


def add_device(
    transaction: Transaction, environment: Environment, *, principal: Principal, name: str
) -> Device:
    """Make a device of the caller's. Raises InvalidInput, QuotaExceeded, Unauthorized."""
    name = name.strip()
    if not 1 <= len(name) <= _MAX_NAME:
        raise InvalidInput([Problem("name", f"Must have 1 to {_MAX_NAME} characters.")])
    # A user or tenant that is being erased must not get another device meanwhile.
    require_active(transaction, principal)
    _check_quotas(transaction, environment, principal)
    now = environment.now()
    device = Device(
        id=str(uuid.uuid4()),
        tenant_id=principal.tenant_id,
        user_id=principal.user_id,
        name=name,
        desired=DesiredState.OFFLINE,
        status=DeviceStatus.NEW,
        revision=0,
        created_at=now,
        updated_at=now,
    )
    rows.add(transaction, device)
    bind_contextvars(device_id=device.id)
    return device


def _check_quotas(transaction: Transaction, environment: Environment, principal: Principal) -> None:
    config = environment.config
    if len(rows.of_user(transaction, principal.user_id)) >= config.devices_per_user:
        raise QuotaExceeded(f"a user has at most {config.devices_per_user} devices")
    if len(rows.of_tenant(transaction, principal.tenant_id)) >= config.devices_per_tenant:
        raise QuotaExceeded(f"a tenant has at most {config.devices_per_tenant} devices")


def _only_device(devices: list[Device]) -> Device | None:
    if len(devices) > 1:
        raise DeviceRequired
    return devices[0] if devices else None


def _may_use(principal: Principal, device: Device) -> bool:
    return principal.role is not Role.USER or device.user_id == principal.user_id
