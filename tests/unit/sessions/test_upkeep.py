"""What keeps the mirror true across processes, and the event log short."""

from __future__ import annotations

from pathlib import Path

from sessions.addressing import MirrorAddresses
from sessions.states import DeviceKey
from sessions.store import mirrors
from sessions.upkeep import Upkeep
from tests.support.mirror import HOME, NOW, Feed, open_feed
from tests.support.sessions import Stage, running, wait_until

ANN = f"15557000001{HOME}"
ANN_LID = "200000000000001@lid"


def test_what_the_mirror_lacks_is_read_anew(tmp_path: Path) -> None:
    """A version that the bridge stored and the service did not leads to one full sync."""
    with running(tmp_path) as stage:
        admin = stage.register()
        device_id = stage.link(admin)
        stage.archive(admin, ANN)
    with running(tmp_path, stage.bridge.reopen()) as stage:
        wait_until(lambda: stage.status(admin).connected)
        Upkeep(stage.service._environment).step()
        (call,) = stage.bridge.calls_of("app_state.sync")
        assert (call.params["collection"], call.params["full"]) == ("regular_low", True)
        assert call.params["device_id"] == device_id


def test_equal_versions_need_nothing(stage: Stage) -> None:
    """Only collections whose versions differ become stale, and the list says `syncing` then."""
    feed = open_feed(stage)
    feed.settle()
    feed.step()
    for name in ("regular_low", "regular_high"):
        feed.load(name, version=0)
    feed.step()
    assert feed.page().is_complete
    feed.load("regular_low", version=3)
    feed.step()
    assert not feed.page().is_complete
    feed.change("archive", ANN, True, full=True, version=3)
    feed.step()
    assert feed.page().is_complete


def test_old_entries_are_forgotten(stage: Stage) -> None:
    """Upkeep removes what is older than a week, and never the newest entry."""
    feed = open_feed(stage)
    for at in (NOW, NOW + 1):
        feed.emit("events.gap", at - 10**11, reason="test")
    feed.step()
    Upkeep(stage.service._environment).step()
    assert [entry.sequence for entry in feed.log()] == [2]


def addresses(feed: Feed, *jids: str) -> list[str]:
    """Return what chats are called in the app state."""
    book = MirrorAddresses(feed.stage.service._environment.database)
    return [known.jid for known in book(DeviceKey(feed.principal.tenant_id, feed.device.id), jids)]


def test_addresses(stage: Stage) -> None:
    """As app state knows a chat; by LID once the account is migrated; else as given."""
    feed = open_feed(stage)
    assert addresses(feed, ANN, ANN_LID) == [ANN, ANN_LID]
    feed.emit("lid.pairs", pairs=[{"pn": ANN, "lid": ANN_LID}])
    feed.step()
    assert addresses(feed, ANN, ANN_LID) == [ANN, ANN_LID]
    feed.change("archive", ANN, True)
    feed.step()
    assert addresses(feed, ANN, ANN_LID) == [ANN, ANN]
    status = {"status": "connected", "connected": True, "lid_migrated": True}
    feed.emit("device.status", device_id=feed.device.id, **status)
    feed.step()
    assert addresses(feed, ANN, ANN_LID, f"15557000009{HOME}") == [
        ANN_LID,
        ANN_LID,
        f"15557000009{HOME}",
    ]
    with stage.service._environment.database.read() as transaction:
        assert mirrors.is_lid_migrated(transaction, feed.device.id)
