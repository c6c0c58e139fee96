"""What is measured, who may see it, and the listener beside the API's."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import httpx
import pytest
from flask import Flask

from app.context import EXTENSION
from app.management import MOST_CLIENTS, ManagementListener
from app.settings import Address
from bridge.errors import BridgeCode
from bridge.fake import FakeBridge
from sessions.deadline import Deadline
from tests.support.api import CHAT, Caller, link
from tests.support.contract import CheckedClient

TOKEN = "a-token-for-those-who-read-the-metrics"
ANYWHERE = Address("127.0.0.1", 0)


@pytest.fixture
def metrics_token(app: Flask) -> Iterator[dict[str, str]]:
    """Let the API answer /metrics; gives the header for it."""
    before = app.extensions[EXTENSION]
    settings = replace(before.settings, metrics_token=TOKEN)
    app.extensions[EXTENSION] = replace(before, settings=settings)
    yield {"Authorization": f"Bearer {TOKEN}"}
    app.extensions[EXTENSION] = before


@pytest.fixture
def listener(app: Flask) -> Iterator[ManagementListener]:
    """A management listener of the application."""
    listener = ManagementListener(ANYWHERE, app)
    listener.start()
    yield listener
    listener.stop(Deadline.after(5))


def get(listener: ManagementListener, path: str, **options: Any) -> httpx.Response:
    """Ask the listener."""
    return httpx.get(f"http://{listener.address}{path}", trust_env=False, timeout=10, **options)


def value(text: str, name: str) -> float:
    """Return the value of a sample."""
    (line,) = [line for line in text.splitlines() if line.startswith(name + " ")]
    return float(line.rpartition(" ")[2])


def test_metrics_need_their_token(
    client: CheckedClient, caller: Caller, metrics_token: dict[str, str]
) -> None:
    """On the API's port neither nobody nor a tenant's token reads the metrics."""
    assert client.get("/metrics", headers=metrics_token).status_code == 200
    assert client.get("/metrics").status_code == 401
    assert caller.get("/metrics").status_code == 401


def test_metrics_are_not_there_without_a_setting(client: CheckedClient) -> None:
    """Without a token in the settings the API's port has no metrics."""
    assert client.get("/metrics").status_code == 404


def test_what_is_measured(
    caller: Caller, bridge: FakeBridge, metrics_token: dict[str, str]
) -> None:
    """Requests count by template, method and status; an accepted patch counts with its changes."""

    def read() -> str:
        return caller.client.get("/metrics", headers=metrics_token).text

    name = 'wuts_request_seconds_count{method="POST",route="/chats/{chat_jid}/archive",status="%d"}'
    link(caller, bridge)
    assert caller.post(f"/chats/{CHAT}/archive", json={"archived": True}).status_code == 200
    assert caller.post(f"/chats/{CHAT}/archive", json={}).status_code == 400
    before = read()
    assert caller.post(f"/chats/{CHAT}/archive", json={"archived": True}).status_code == 200
    after = read()
    for status, more in ((200, 1), (400, 0)):
        assert value(after, name % status) - value(before, name % status) == more
    for counter, more in (
        ("wuts_patches_total", 1),
        ("wuts_mutations_total", 2),
        ("wuts_mutations_per_patch_count", 1),
        ("wuts_mutations_per_patch_sum", 2),
        ("wuts_conflicts_total", 0),
        ("wuts_full_syncs_total", 0),
        ("wuts_copies_asked_total", 0),
    ):
        assert value(after, counter) - value(before, counter) == more, counter
    assert value(after, 'wuts_devices{status="connected"}') >= 1
    assert value(after, "wuts_pump_lag_seconds") < 60
    for gauge in ("pool_queued", "pool_running", "lanes_waiting", "poll_slots_used"):
        assert value(after, f"wuts_{gauge}") == 0
    assert value(after, "process_open_fds") > 0


def test_labels_name_nobody(
    caller: Caller, bridge: FakeBridge, metrics_token: dict[str, str]
) -> None:
    """No tenant, user, device, number or raw path is in the metrics."""
    device = link(caller, bridge)
    caller.post(f"/chats/{CHAT}/archive", json={"archived": True})
    caller.get("/canary-path")
    caller.request("CANARY", "/devices")
    text = caller.client.get("/metrics", headers=metrics_token).text
    secrets = (caller.tenant_id, caller.user_id, device, CHAT.partition("@")[0], "canary", "CANARY")
    for secret in secrets:
        assert secret not in text
    of_calls = {"origin", "outcome"}
    assert set(re.findall(r"[{,](\w+)=", text)) - of_calls == {"route", "method", "status", "le"}


def test_a_bridge_that_does_not_answer(
    client: CheckedClient, bridge: FakeBridge, metrics_token: dict[str, str]
) -> None:
    """What can't be read is left out; the rest is there."""
    bridge.fail_next("bridge.stats", BridgeCode.DEADLINE_EXCEEDED)
    text = client.get("/metrics", headers=metrics_token).text
    assert "wuts_patches_total" not in text
    assert "wuts_pool_running" in text


def test_before_the_start(stopped_app: Flask) -> None:
    """A service that has not started is measured as far as it goes."""
    text = stopped_app.extensions[EXTENSION].service.metrics.render().decode()
    assert "wuts_pool_running 0.0" in text
    assert "wuts_devices{" not in text


def test_management_serves_three_routes(listener: ManagementListener, caller: Caller) -> None:
    """Health, readiness and metrics are there without a token, and nothing else is with one."""
    for path in ("/healthz", "/readyz", "/metrics"):
        answer = get(listener, path)
        assert answer.status_code == 200
        assert answer.headers["X-Request-Id"]
    headers = {"Authorization": f"Bearer {caller.token}"}
    for path in ("/devices", "/docs", "/openapi.json", "/", "/nothing"):
        answer = get(listener, path, headers=headers)
        assert (answer.status_code, answer.json()["error_code"]) == (404, "NOT_FOUND")


def test_management_of_a_service_that_starts(stopped_app: Flask) -> None:
    """It answers before the service is there, which is alive and not ready."""
    listener = ManagementListener(ANYWHERE, stopped_app)
    listener.start()
    assert get(listener, "/healthz").status_code == 200
    assert get(listener, "/readyz").status_code == 503
    listener.stop(Deadline.after(5))
    with pytest.raises(httpx.ConnectError):
        get(listener, "/healthz")


def test_silent_clients_of_management_are_few(listener: ManagementListener) -> None:
    """Clients that say nothing don't pile up: beyond a bound they are closed at once."""
    silent = [
        socket.create_connection((listener.address.host, listener.address.port), timeout=10)
        for _ in range(MOST_CLIENTS)
    ]
    with closing(socket.create_connection((listener.address.host, listener.address.port))) as more:
        more.settimeout(10)
        assert more.recv(1) == b""
    silent.pop().close()
    for _ in range(100):
        try:
            assert get(listener, "/healthz").status_code == 200
            break
        except httpx.TransportError:
            continue
    for connection in silent:
        connection.close()


def test_an_address_that_is_taken(listener: ManagementListener, stopped_app: Flask) -> None:
    """Its complaint names the setting."""
    with pytest.raises(OSError, match="WUTS_MANAGEMENT_BIND"):
        ManagementListener(listener.address, stopped_app).start()


def test_ipv6(app: Flask) -> None:
    """It can listen on ::1."""
    listener = ManagementListener(Address("::1", 0), app)
    listener.start()
    assert get(listener, "/healthz").status_code == 200
    listener.stop(Deadline.after(5))
