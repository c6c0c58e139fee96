"""What is left of webhooks and deliveries once those are erased whose they are."""

from __future__ import annotations

import pytest

from sessions.principals import Principal, Role
from sessions.webhooks.values import DeliveryStatus
from tests.support.receiver import receiving, status
from tests.support.sessions import Stage, soon, wait_until
from tests.support.traces import all_bytes, tables_naming
from tests.support.webhooks import Clock, Hook, Hooked

TABLES = {"webhooks", "webhook_queues", "deliveries"}


@pytest.fixture
def admin(stage: Stage) -> Principal:
    """The admin of a tenant."""
    return stage.register()


@pytest.fixture
def user(stage: Stage, admin: Principal) -> Principal:
    """A user of the tenant."""
    made = stage.service.users.create(admin, "user@example.com", role=Role.USER)
    return stage.service.tokens.authenticate(made.token)


def erase(stage: Stage, what: str, hooked: Hooked, admin: Principal) -> None:
    """Erase the device, its user or his tenant."""
    owner = hooked.feed.principal
    if what == "device":
        stage.service.devices.purge(owner, hooked.feed.device.id, deadline=soon())
    elif what == "user":
        stage.service.users.delete(admin, owner.user_id, deadline=soon())
    else:
        stage.service.tenants.delete(owner.tenant_id, deadline=soon())


@pytest.mark.parametrize("what", ["device", "user", "tenant"])
def test_erased(
    hook: Hook, stage: Stage, clock: Clock, *, admin: Principal, user: Principal, what: str
) -> None:
    """Neither a row nor a byte of them is left, and what was to be sent goes nowhere."""
    with receiving(status(500)) as dead, receiving() as receiver:
        hooked = hook(dead.url, owner=user, secret="the-secret", headers={"X-Name": "value"})
        stage.service.webhooks.set_pending(user, dead.url)
        hooked.happen(2)
        wait_until(lambda: [one.status for one in hooked.deliveries()] == [DeliveryStatus.WAITING])
        device_id, user_id = hooked.feed.device.id, user.user_id
        assert tables_naming(stage.path, device_id) >= TABLES
        assert "pending_webhooks" in tables_naming(stage.path, user_id)
        erase(stage, what, hooked, admin)
        assert not tables_naming(stage.path, device_id) & TABLES
        if what != "device":
            assert "pending_webhooks" not in tables_naming(stage.path, user_id)
            assert dead.url.encode() not in all_bytes(stage.path)
        clock.advance(minutes=1)
        other = hook(receiver.url)
        other.happen(1)
        wait_until(lambda: len(receiver.requests) == 1)
        assert len(dead.requests) == 1
