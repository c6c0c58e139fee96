"""What was read a moment ago."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from threading import Event

import pytest

from sessions import recent
from sessions.errors import DeviceNotFound, DeviceRequired, Unauthorized
from sessions.principals import Role
from sessions.recent import Recent
from tests.support.sessions import SECONDS, Stage, soon, threads

CHAT = "15550001111@s.whatsapp.net"


class World:
    """A clock, a state, and something to read that is new each time."""

    def __init__(self) -> None:
        self.now = 0.0
        self.state = object()
        self.numbers: Iterator[int] = count(1)
        self.kept: Recent[str, int] = Recent(lambda: self.state, lambda: self.now)

    def get(self, key: str = "a", read: Callable[[], int] | None = None) -> int:
        """Return what is kept."""
        return self.kept.get(key, read or (lambda: next(self.numbers)))


@pytest.fixture
def world() -> World:
    """Nothing was read yet."""
    return World()


def test_what_was_read_is_kept_for_a_second(world: World) -> None:
    """Not longer, however often it is asked for; each key for itself."""
    assert [world.get(), world.get("b"), world.get()] == [1, 2, 1]
    world.now = 0.999
    assert world.get() == 1
    world.now = 1.0
    assert world.get() == 3


def test_a_change_ends_it_at_once(world: World) -> None:
    """Nothing that was read before a change is given after it."""
    world.get()
    world.state = object()
    assert world.get() == 2


def test_a_change_while_reading_ends_it_too(world: World) -> None:
    """What was read may be from before the change, so it serves this one request alone."""

    def read() -> int:
        world.state = object()
        return 0

    assert world.get(read=read) == 0
    assert world.get() == 1


def test_an_error_is_not_kept(world: World) -> None:
    """Who is refused is asked about again."""

    def fail() -> int:
        raise Unauthorized

    with pytest.raises(Unauthorized):
        world.get(read=fail)
    assert world.get() == 1


def test_one_reads_for_all_who_want_it_at_once(world: World) -> None:
    """The others wait for what the first one reads."""
    reading, go_on = Event(), Event()

    def read() -> int:
        reading.set()
        assert go_on.wait(SECONDS)
        return 7

    with threads([partial(world.get, read=read)]) as first:
        assert reading.wait(SECONDS)
        with threads([world.get] * 3) as others:
            go_on.set()
    assert (first, others) == ([7], [7, 7, 7])


def test_who_waits_for_a_reading_that_fails_reads_himself(world: World) -> None:
    """Its error is the reader's alone."""
    reading, go_on = Event(), Event()

    def fail() -> int:
        reading.set()
        assert go_on.wait(SECONDS)
        raise Unauthorized

    with threads([partial(world.get, read=fail)]) as first:
        assert reading.wait(SECONDS)
        with threads([world.get]) as other:
            go_on.set()
    assert isinstance(first[0], Unauthorized)
    assert other == [1]


def test_there_is_a_bound(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many keys there are, only so many are kept."""
    monkeypatch.setattr(recent, "MOST_ENTRIES", 3)
    for number in range(100):
        world.get(str(number))
        assert len(world.kept._entries) <= 3


def test_status_of_devices_changes_no_membership(stage: Stage) -> None:
    """What is observed of a device, and the audit log, leave alone what was read of people."""
    admin = stage.register()
    device_id = stage.link(admin)
    before = stage.service._environment.database.membership
    stage.bridge.set_status(device_id, "disconnected")
    stage.service.devices.connect(admin, device_id, deadline=soon())
    assert stage.service._environment.database.membership is before


def test_who_and_which_device_are_read_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second archive within a second asks the database neither whose token nor which device."""
    registered = stage.service.tenants.register("One", "admin@example.com")
    admin = stage.service.tokens.authenticate(registered.token)
    stage.link(admin)
    tokens, choices = stage.service.tokens, stage.service.chats._choices
    for kept in (tokens._recent, choices._recent):
        monkeypatch.setattr(kept, "_clock", lambda: 0.0)
    tokens.authenticate(registered.token)
    stage.archive(admin, CHAT)
    monkeypatch.setattr(tokens, "_find", None)
    monkeypatch.setattr(choices, "_devices", None)
    assert tokens.authenticate(registered.token) == admin
    assert stage.archive(admin, CHAT) == CHAT


def test_another_device_is_seen_at_once(stage: Stage) -> None:
    """With a second device one has to be named, at the very next request; when it goes, no more."""
    admin = stage.register()
    stage.link(admin)
    stage.archive(admin, CHAT)
    second = stage.service.devices.create(admin, "second").id
    with pytest.raises(DeviceRequired):
        stage.archive(admin, CHAT)
    stage.service.devices.purge(admin, second, deadline=soon())
    assert stage.archive(admin, CHAT) == CHAT


def test_an_erased_device_is_gone_at_once(stage: Stage) -> None:
    """Whoever named it a moment ago does not find it."""
    admin = stage.register()
    device_id = stage.link(admin)
    stage.archive(admin, CHAT, device_id=device_id)
    stage.service.devices.purge(admin, device_id, deadline=soon())
    with pytest.raises(DeviceNotFound):
        stage.archive(admin, CHAT, device_id=device_id)


def test_people_are_known_as_they_are_now(stage: Stage) -> None:
    """Roles, deactivation, rotation and revocation count from the very next request on."""
    service, admin = stage.service, stage.register()
    made = service.users.create(admin, "user@example.com", role=Role.USER)
    user = service.tokens.authenticate(made.token)
    assert user.role is Role.USER
    service.users.promote(admin, made.user.id, role=Role.MANAGER)
    assert service.tokens.authenticate(made.token).role is Role.MANAGER
    spare = service.tokens.create(user, "spare", scopes=None, expires_at=None)
    service.tokens.authenticate(spare.text)
    service.tokens.revoke(user, spare.token.id)
    with pytest.raises(Unauthorized):
        service.tokens.authenticate(spare.text)
    service.users.rotate_token(user, made.user.id)
    with pytest.raises(Unauthorized):
        service.tokens.authenticate(made.token)
