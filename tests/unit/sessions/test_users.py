"""Users: what several callers do at the same time, and what is left of those who go."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.errors import BridgeCode
from sessions.authority import UserChanges
from sessions.errors import (
    DeviceNotFound,
    Forbidden,
    LastAdmin,
    StorageUnavailable,
    Unauthorized,
    UserNotFound,
)
from sessions.principals import Principal, Role
from tests.support.sessions import Stage, soon, threads
from tests.support.traces import all_bytes, tables_naming

# Ids stay in the audit log as long as the tenant does.
KEPT = {"audit"}


def add(stage: Stage, admin: Principal, role: Role) -> Principal:
    """Make a user of the admin's tenant."""
    email = f"user{next(stage.numbers)}@example.com"
    made = stage.service.users.create(admin, email, role=role)
    return stage.service.tokens.authenticate(made.token)


def test_two_admins_cannot_remove_each_other(stage: Stage) -> None:
    """However it comes out, exactly one admin is left."""
    for _ in range(10):
        first = stage.register()
        second = add(stage, first, Role.ADMIN)
        actions = [
            lambda a=first, b=second: stage.service.users.delete(a, b.user_id, deadline=soon()),
            lambda a=second, b=first: stage.service.users.update(
                a, b.user_id, changes=UserChanges(role=Role.USER)
            ),
        ]
        with threads(actions) as outcomes:
            pass
        errors = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        assert len(errors) == 1
        assert isinstance(errors[0], Unauthorized | LastAdmin | Forbidden)


def test_a_role_that_was_lost_meanwhile_counts_no_more(stage: Stage) -> None:
    """What counts is the role when the change is made, not when the token was read."""
    admin = stage.register()
    former = add(stage, admin, Role.ADMIN)
    other = add(stage, admin, Role.USER)
    stage.service.users.update(admin, former.user_id, changes=UserChanges(role=Role.USER))
    with pytest.raises(Forbidden):
        stage.service.users.create(former, "a@example.com", role=Role.ADMIN)
    stage.service.users.update(admin, former.user_id, changes=UserChanges(active=False))
    for act in (
        lambda: stage.service.users.promote(former, other.user_id, role=Role.ADMIN),
        lambda: stage.service.tokens.create(former, "one", scopes=None, expires_at=None),
        lambda: stage.service.devices.create(former, "phone"),
    ):
        with pytest.raises(Unauthorized):
            act()


def test_an_erased_user_leaves_nothing(stage: Stage) -> None:
    """No table has the user's or his devices' ids any more, also after late events."""
    admin = stage.register()
    user = add(stage, admin, Role.USER)
    stage.service.tokens.create(user, "one", scopes=None, expires_at=None)
    device = stage.link(user)
    stage.bridge.set_collection(device, "regular_low", "ok")
    keep = stage.link(admin)
    assert tables_naming(stage.path, user.user_id, device) >= {"users", "tokens", "devices"}
    stage.service.users.delete(admin, user.user_id, deadline=soon())
    stage.service.devices.connect(admin, keep, deadline=soon())
    assert tables_naming(stage.path, user.user_id, device) <= KEPT
    assert [found.id for found in stage.devices(admin)] == [keep]


def test_an_erased_tenant_leaves_nothing(stage: Stage) -> None:
    """No table has an id of the tenant, of its users or of its devices any more."""
    admin = stage.register()
    user = add(stage, admin, Role.USER)
    stranger = stage.register()
    ids = [admin.tenant_id, admin.user_id, user.user_id]
    ids += [stage.link(admin), stage.link(user), stage.service.devices.create(user, "spare").id]
    done = stage.service.tenants.delete(admin.tenant_id, deadline=soon())
    assert (done.devices, done.unlinked) == (3, 2)
    assert tables_naming(stage.path, *ids) <= {"spool_marks"}
    assert tables_naming(stage.path, stranger.tenant_id) >= {"tenants", "users"}


@pytest.mark.parametrize("what", ["device", "user", "tenant"])
def test_what_was_erased_is_in_no_file(stage: Stage, what: str) -> None:
    """Not even the bytes of a number or address are left where the rows were."""
    admin = stage.register()
    other = stage.register()
    made = stage.service.users.create(admin, "canary@example.com", role=Role.USER)
    user = stage.service.tokens.authenticate(made.token)
    device = stage.link(user)
    number = stage.status(user).phone_number.encode()
    gone = {"device": [number]}.get(what, [number, b"canary@example.com"])
    assert all(text in all_bytes(stage.path) for text in gone)
    if what == "device":
        stage.service.devices.purge(user, device, deadline=soon())
    elif what == "user":
        stage.service.users.delete(admin, user.user_id, deadline=soon())
    else:
        stage.service.tenants.delete(admin.tenant_id, deadline=soon())
    assert not any(text in all_bytes(stage.path) for text in gone)
    assert other.tenant_id.encode() in all_bytes(stage.path)


def test_erasure_that_ended_early_goes_on(stage: Stage) -> None:
    """The first devices are gone, the user is out, and repeating erases the rest."""
    admin = stage.register()
    user = add(stage, admin, Role.USER)
    devices = [stage.link(user), stage.link(user, "tablet")]
    with (
        stage.bridge.hold("device.erase") as gate,
        threads(
            [lambda: stage.service.users.delete(admin, user.user_id, deadline=soon())]
        ) as outcomes,
    ):
        gate.wait_until_held()
        stage.bridge.fail_next("device.erase", BridgeCode.STORAGE_FAILED)
        gate.open()
    assert isinstance(outcomes[0], StorageUnavailable)
    assert not stage.service.users.find(admin, user.user_id).active
    assert len(stage.devices(replace(admin, user_id=user.user_id))) == 2
    stage.service.users.delete(admin, user.user_id, deadline=soon())
    with pytest.raises(UserNotFound):
        stage.service.users.find(admin, user.user_id)
    assert [call.params["device_id"] for call in stage.bridge.calls_of("device.erase")] == [
        devices[0],
        *devices,
    ]


def test_commands_behind_an_erasure_find_no_device(stage: Stage) -> None:
    """Who waits behind it is told so, and nothing makes the device anew."""
    admin = stage.register()
    device = stage.link(admin)
    service = stage.service
    with (
        stage.bridge.hold("device.erase") as gate,
        threads(
            [
                lambda: service.devices.purge(admin, device, deadline=soon()),
                lambda: service.devices.status(admin, device, wait=soon(), until_connected=False),
            ]
        ) as outcomes,
    ):
        gate.wait_until_held()
        with threads(
            [
                lambda: service.devices.connect(admin, device, deadline=soon()),
                lambda: service.devices.qr(admin, device, refresh=False, deadline=soon()),
            ]
        ) as behind:
            gate.open()
    assert outcomes[0].unlinked
    assert isinstance(outcomes[1], DeviceNotFound)
    assert all(isinstance(outcome, DeviceNotFound) for outcome in behind)
    with pytest.raises(KeyError):
        stage.bridge.device(device)


def test_an_erased_device_is_not_brought_back(stage: Stage) -> None:
    """A session that was found before the erasure does not make the device again after it."""
    admin = stage.register()
    device = stage.service.devices.create(admin, "phone")
    registry = stage.service._environment.registry
    found = registry.session_of(device)
    stage.service.devices.purge(admin, device.id, deadline=soon())
    with pytest.raises(DeviceNotFound):
        found.ask("device.pairing", soon())
    with pytest.raises(DeviceNotFound):
        registry.session_of(device)
