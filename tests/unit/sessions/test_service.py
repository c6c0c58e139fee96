"""The life of the service."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bridge.errors import BridgeCode, BridgeError
from bridge.fake import FakeBridge
from sessions.config import Network, ServiceConfig
from sessions.data_directory import DataBelongsElsewhere, DataUnusable
from sessions.errors import ShuttingDown, StorageUnavailable
from sessions.service import build_service
from tests.support.sessions import Stage, running, soon

CHAT = "15550001111@s.whatsapp.net"
SIMULATOR = Network.simulator("127.0.0.1:1234", "ab" * 32)


class BrokenBridge(FakeBridge):
    """A bridge that doesn't start, or doesn't stop."""

    def start(self, config: Mapping[str, Any]) -> Mapping[str, Any]:
        """Fail."""
        self.config = config
        raise BridgeError(BridgeCode.STORAGE_FAILED, "no")


class StubbornBridge(FakeBridge):
    """A bridge whose stop fails after it has stopped."""

    def stop(self, *, deadline_ms: int) -> None:
        """Stop, and fail."""
        super().stop(deadline_ms=deadline_ms)
        raise BridgeError(BridgeCode.INTERNAL, "no")


def test_building_does_nothing(tmp_path: Path) -> None:
    """Before the start there is no file, and requests get a clear error."""
    service = build_service(ServiceConfig(tmp_path, Network.whatsapp()), FakeBridge())
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(StorageUnavailable):
        service.tokens.authenticate("5f0a4a57-9c1e-4f8f-a9d1-0b0e7c3e5f0a")
    assert service.readiness() == {
        "database": False,
        "bridge": False,
        "pump": False,
        "drain": True,
    }


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    """A start on a damaged database ends with its name and what is wrong with it."""
    (tmp_path / "wuts.db").write_bytes(b"no database" * 1000)
    with pytest.raises(DataUnusable, match=r"wuts\.db can't be used: file is not a database"):
        build_service(ServiceConfig(tmp_path, Network.whatsapp()), FakeBridge()).start()


def test_a_database_of_another_version_is_named(tmp_path: Path) -> None:
    """A start on a database with migrations that are not known here ends with its name."""
    with running(tmp_path) as stage, stage.service._environment.database.write() as transaction:
        revise = "UPDATE alembic_version SET version_num = 'unheard of'"
        transaction.connection().exec_driver_sql(revise)
    with pytest.raises(DataUnusable, match=r"wuts\.db can't be used: another version"):
        build_service(ServiceConfig(tmp_path, Network.whatsapp()), FakeBridge()).start()


def test_a_started_service_is_ready(stage: Stage) -> None:
    """Every component is well, and the bridge knows where its stores are."""
    assert stage.service.readiness() == {
        "database": True,
        "bridge": True,
        "pump": True,
        "drain": True,
    }
    assert stage.bridge.config == {
        "devices_dir": str(stage.path / "devices"),
        "network": {"kind": "whatsapp"},
        "log_level": "info",
    }


def test_a_stopping_service_refuses_commands_and_still_reads(stage: Stage) -> None:
    """Commands get ShuttingDown and reach no bridge; what needs none is answered."""
    admin = stage.register()
    stage.link(admin)
    stage.service.begin_stopping()
    before = len(stage.bridge.calls)
    with pytest.raises(ShuttingDown):
        stage.archive(admin, CHAT)
    assert stage.status(admin).connected
    assert len(stage.bridge.calls) == before
    assert stage.service.readiness()["drain"] is False


def test_a_stopped_service_says_so(tmp_path: Path) -> None:
    """Afterwards everything is refused with a clear error, and stopping again is harmless."""
    with running(tmp_path) as stage:
        stage.register()
    stage.service.stop(soon())
    with pytest.raises(StorageUnavailable):
        stage.register()
    assert not any(stage.service.readiness().values())


def test_data_of_one_network_is_not_shown_to_another(tmp_path: Path) -> None:
    """The start stops before the bridge has seen any key."""
    with running(tmp_path):
        pass
    bridge = FakeBridge()
    elsewhere = build_service(ServiceConfig(tmp_path, SIMULATOR), bridge)
    with pytest.raises(DataBelongsElsewhere, match="this data belongs to whatsapp"):
        elsewhere.start()
    assert bridge.config is None
    with running(tmp_path):
        pass


def test_a_failed_start_stops_what_had_started(tmp_path: Path) -> None:
    """The error is the caller's, and nothing stays open."""
    service = build_service(ServiceConfig(tmp_path, Network.whatsapp()), BrokenBridge())
    with pytest.raises(BridgeError):
        service.start()
    assert not any(service.readiness().values())


def test_one_failing_stop_does_not_keep_the_others_running(tmp_path: Path) -> None:
    """What was started before the failing part is stopped all the same."""
    with running(tmp_path, StubbornBridge()) as stage:
        pass
    assert not any(stage.service.readiness().values())


@pytest.mark.parametrize(("level", "expected"), [("warning", "warn"), ("debug", "debug")])
def test_the_bridge_gets_its_own_name_of_the_level(
    tmp_path: Path, level: str, expected: str
) -> None:
    """Go calls the level of warnings differently."""
    with running(tmp_path, log_level=level) as stage:
        assert stage.bridge.config is not None
        assert stage.bridge.config["log_level"] == expected


def test_the_bridge_is_told_the_version_that_is_set(tmp_path: Path) -> None:
    """Without the setting it is whatsmeow's own."""
    with running(tmp_path, wa_version="2.3000.1") as stage:
        assert stage.bridge.config is not None
        assert stage.bridge.config["wa_version"] == "2.3000.1"
