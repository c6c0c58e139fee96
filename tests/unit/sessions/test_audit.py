"""The audit log: batches, trouble with the storage, bounds, age."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sessions import audit as module
from sessions.audit import Audit
from sessions.errors import StorageUnavailable
from sessions.paging import PageRequest
from sessions.principals import Principal
from sessions.store.audit import AuditEntry
from tests.support.sessions import Stage, running, wait_until


def build_entry(principal: Principal, request_id: str, days: int = 0) -> AuditEntry:
    """Make an entry of a tenant, of so many days ago."""
    at = datetime.now(UTC) - timedelta(days=days)
    return AuditEntry(at, "chat.archive", "success", request_id, tenant_id=principal.tenant_id)


def kept(audit: Audit, principal: Principal) -> list[str]:
    """Return the request ids that are kept, oldest first."""
    page = audit.list(principal, PageRequest(1000))
    return [record.entry.request_id for record in reversed(page.items)]


@pytest.fixture
def audit(stage: Stage) -> Audit:
    """An audit log of the service's, whose steps the test makes."""
    return Audit(stage.service._environment)


def test_many_entries_are_one_transaction(
    stage: Stage, audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits is written at once, in order."""
    admin = stage.register()
    for number in range(100):
        audit.record_soon(build_entry(admin, str(number)))
    assert kept(audit, admin) == []
    audit._prune_at = datetime.max.replace(tzinfo=UTC)
    database = stage.service._environment.database
    writes: list[int] = []
    write: Callable[[], Any] = database.write

    def counted() -> Any:
        writes.append(1)
        return write()

    monkeypatch.setattr(database, "write", counted)
    audit.step()
    assert len(writes) == 1
    assert kept(audit, admin) == [str(number) for number in range(100)]


def test_storage_that_fails_loses_nothing(
    stage: Stage, audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entries wait, also those that should have been written at once, and keep their order."""
    admin = stage.register()
    database = stage.service._environment.database
    with monkeypatch.context() as patch:
        patch.setattr(database, "write", failing)
        audit.record_soon(build_entry(admin, "first"))
        audit.record(build_entry(admin, "second"))
        with pytest.raises(StorageUnavailable):
            audit.step()
        audit.record_soon(build_entry(admin, "third"))
    audit.step()
    assert kept(audit, admin) == ["first", "second", "third"]


@contextmanager
def failing() -> Any:
    """Be a storage that does not answer."""
    raise StorageUnavailable
    yield


def test_the_queue_has_a_bound(stage: Stage, audit: Audit, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the storage is away the oldest entries go, and memory does not grow for ever."""
    admin = stage.register()
    monkeypatch.setattr(module, "_MOST_WAITING", 3)
    for number in range(5):
        audit.record_soon(build_entry(admin, str(number)))
    audit.step()
    assert kept(audit, admin) == ["2", "3", "4"]


def test_old_entries_are_forgotten(tmp_path: Path) -> None:
    """What is older than the setting says goes, in bounded steps, and the rest stays."""
    with running(tmp_path, audit_days=30) as stage:
        admin = stage.register()
        ages = {"old": 31, "older": 90, "young": 29}
        audit = Audit(stage.service._environment)
        for name, days in ages.items():
            audit.record(build_entry(admin, name, days))
        audit.step()
        assert kept(audit, admin) == ["young"]


def test_a_stop_writes_what_waits(tmp_path: Path) -> None:
    """Nothing that was answered before an orderly stop is missing afterwards."""
    with running(tmp_path) as stage:
        admin = stage.register()
        for number in range(10):
            stage.service.audit.record_soon(build_entry(admin, str(number)))
    with running(tmp_path) as stage:
        assert len(kept(stage.service.audit, admin)) == 10


def test_the_thread_goes_on_after_trouble(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries that could not be written are written when the storage is back."""
    admin = stage.register()
    database = stage.service._environment.database
    with monkeypatch.context() as patch:
        patch.setattr(database, "write", failing)
        stage.service.audit.record_soon(build_entry(admin, "first"))
    wait_until(lambda: kept(stage.service.audit, admin) == ["first"])
