"""Health, readiness, and the gate before the service."""

from __future__ import annotations

import pytest
from flask import Flask

from app.context import EXTENSION, Context
from tests.support.contract import CheckedClient


def test_health_needs_nothing(stopped_app: Flask) -> None:
    """The process answers before the service is there."""
    answer = stopped_app.test_client().get("/healthz")
    assert answer.status_code == 200
    assert answer.get_json() == {"success": True, "status": "ok"}


def test_ready(client: CheckedClient) -> None:
    """A started service is ready, and says so of each part."""
    answer = client.get("/readyz")
    assert answer.status_code == 200
    components = answer.get_json()["components"]
    assert components == dict.fromkeys(["database", "bridge", "pump", "drain"], "ok")


def test_gate_before_the_start(stopped_app: Flask) -> None:
    """Before the service is there everything else is 503, worth repeating."""
    client = stopped_app.test_client()
    for path in ("/readyz", "/devices"):
        answer = client.get(path)
        assert (answer.status_code, answer.get_json()["error_code"]) == (503, "STORAGE_UNAVAILABLE")
        assert int(answer.headers["Retry-After"]) >= 1
    assert client.get("/nothing").status_code == 404
    assert client.get("/docs").status_code == 200


def test_gate_after_the_stop(own_app: Flask) -> None:
    """Once it stops, requests are refused as such, and health still answers."""
    client = own_app.test_client()
    own_app.extensions[EXTENSION].lifecycle.begin_stopping()
    for answer in (client.get("/devices"), client.get("/readyz")):
        assert (answer.status_code, answer.get_json()["error_code"]) == (503, "SHUTTING_DOWN")
        assert int(answer.headers["Retry-After"]) >= 1
    assert client.get("/healthz").status_code == 200


def test_part_that_fails(
    client: CheckedClient, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part that is not well is named, and the service is not ready."""
    monkeypatch.setattr(
        context.service,
        "readiness",
        lambda: {"database": False, "bridge": True, "pump": True, "drain": True},
    )
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.get_json()["components"]["database"] == "fail"


def test_create_app_starts_nothing(stopped_app: Flask) -> None:
    """An application that nobody starts leaves the disk as it was."""
    assert stopped_app.test_client().get("/readyz").status_code == 503
    assert not stopped_app.extensions[EXTENSION].settings.data_dir.exists()
