"""Stopping while requests wait."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from sessions.deadline import Deadline
from sessions.errors import ShuttingDown
from tests.support.sessions import running, soon, threads, wait_until


def test_waiters_are_released_at_once(tmp_path: Path) -> None:
    """Commands in flight or waiting, and long polls, end with ShuttingDown before the bridge."""
    with running(tmp_path) as stage:
        admin = stage.register()
        device_id = stage.link(admin)
        [device] = stage.devices(admin)
        session = stage.service._environment.registry.session_of(device)
        an_hour = Deadline.after(3600)
        actions = [
            partial(stage.archive, admin, f"1555000000{number}", deadline=an_hour)
            for number in range(3)
        ]
        watch = partial(
            stage.service.devices.status, admin, device_id, wait=an_hour, until_connected=False
        )
        with (
            stage.bridge.hold("app_state.apply") as gate,
            threads([*actions, watch]) as outcomes,
        ):
            gate.wait_until_held()
            wait_until(lambda: session._waiting == 3 and bool(session._watchers))
            stage.service.begin_stopping()
            wait_until(lambda: session._waiting == 0)
            gate.open()
        assert [type(outcome) for outcome in outcomes] == [ShuttingDown] * 4


def test_what_waits_is_not_sent_by_a_stop(tmp_path: Path) -> None:
    """The patch in flight comes to its end; the sets behind it had no effect."""
    with running(tmp_path) as stage:
        admin = stage.register()
        device_id = stage.link(admin)
        [device] = stage.devices(admin)
        session = stage.service._environment.registry.session_of(device)
        with stage.bridge.hold("app_state.apply") as gate:
            with threads([partial(stage.archive, admin, "15550000000")]):
                gate.wait_until_held()
                with threads([partial(stage.archive, admin, "15550000001")]):
                    wait_until(lambda: session._waiting == 2)
                    stage.service.begin_stopping()
            with threads([partial(stage.service.stop, soon())]):
                gate.open()
        chats = [m["chat_jid"] for patch in stage.bridge.device(device_id).patches for m in patch]
    assert chats == ["15550000000@s.whatsapp.net"] * 2


def test_a_hanging_command_does_not_keep_the_stop_from_its_end(tmp_path: Path) -> None:
    """The bridge's stop ends the call, and no thread is left."""
    with running(tmp_path) as stage:
        admin = stage.register()
        stage.link(admin)
        archive = partial(stage.archive, admin, "15550000000", deadline=Deadline.after(3600))
        with stage.bridge.hold("app_state.apply") as gate, threads([archive]) as outcomes:
            gate.wait_until_held()
            stage.service.stop(Deadline.after(2))
        assert isinstance(outcomes[0], ShuttingDown)
        assert not any(thread.is_alive() for thread in stage.service._pool._threads)


def test_many_stop_together_with_commands(tmp_path: Path) -> None:
    """Whatever the moment, each command ends with success or ShuttingDown."""
    with running(tmp_path) as stage:
        admin = stage.register()
        stage.link(admin)
        actions = [partial(stage.archive, admin, f"15550000{n:03}") for n in range(50)]
        actions.insert(25, stage.service.begin_stopping)
        with threads(actions) as outcomes:
            pass
        outcomes.pop(25)
        assert all(isinstance(outcome, str | ShuttingDown) for outcome in outcomes)
