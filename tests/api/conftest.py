"""The whole service below HTTP, with a bridge that stands in for WhatsApp."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app import build_limits, create_app
from app.context import EXTENSION, Context
from app.settings import Settings
from bridge.fake import FakeBridge
from sessions.deadline import Deadline
from tests.support.api import MASTER, Caller
from tests.support.contract import CheckedClient
from tests.support.webhooks import LOOPBACK

Limit = Callable[..., None]

_tenants = count(1)


@pytest.fixture(scope="session")
def bridge() -> FakeBridge:
    """The stand-in for the Go library."""
    return FakeBridge()


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory, bridge: FakeBridge) -> Iterator[Flask]:
    """One started application for all tests; each works with a tenant of its own."""
    data_dir = tmp_path_factory.mktemp("service") / "data"
    yield from running(build(data_dir, bridge))


@pytest.fixture
def stopped_app(tmp_path: Path) -> Flask:
    """An application that nobody has started."""
    return build(tmp_path / "data", FakeBridge())


@pytest.fixture
def own_app(stopped_app: Flask) -> Iterator[Flask]:
    """A started application that the test may stop."""
    yield from running(stopped_app)


def build(data_dir: Path, bridge: FakeBridge) -> Flask:
    """Put an application together whose every answer is checked."""
    settings = Settings(
        data_dir=data_dir,
        master_token=MASTER,
        request_timeout=5,
        pairings=10_000,
        failure_limit=0,
        management_bind=None,
        webhook_allow=LOOPBACK,
    )
    app = create_app(settings, bridge)
    app.test_client_class = CheckedClient
    return app


def running(app: Flask) -> Iterator[Flask]:
    """Keep an application running."""
    umask = os.umask(0o077)
    lifecycle = parts(app).lifecycle
    lifecycle.start()
    yield app
    lifecycle.stop(Deadline.after(10))
    os.umask(umask)


def parts(app: Flask) -> Context:
    """Return what the application is made of."""
    context: Context = app.extensions[EXTENSION]
    return context


@pytest.fixture
def context(app: Flask) -> Context:
    """What the one application is made of."""
    return parts(app)


@pytest.fixture
def client(app: Flask) -> CheckedClient:
    """A client without a token."""
    client = app.test_client()
    assert isinstance(client, CheckedClient)
    return client


@pytest.fixture
def master() -> dict[str, str]:
    """The header of the platform's owner."""
    return {"Authorization": f"Bearer {MASTER}"}


def register(client: CheckedClient) -> Caller:
    """Make a tenant and return its admin."""
    number = next(_tenants)
    answer = client.post(
        "/register",
        json={"tenant_name": f"Tenant {number}", "email": f"admin{number}@example.com"},
        headers={"Authorization": f"Bearer {MASTER}"},
    )
    assert answer.status_code == 201, answer.text
    made = answer.get_json()
    return Caller(client, made["token"], made["tenant"]["id"], made["user"]["id"])


@pytest.fixture
def caller(client: CheckedClient) -> Caller:
    """The admin of a tenant, without a device."""
    return register(client)


@pytest.fixture
def stranger(client: CheckedClient) -> Caller:
    """The admin of another tenant."""
    return register(client)


@pytest.fixture
def limit(app: Flask) -> Iterator[Limit]:
    """Set limits for the length of a test."""
    before = app.extensions[EXTENSION]

    def set_limits(**settings: Any) -> None:
        changed = replace(before.settings, **settings)
        app.extensions[EXTENSION] = replace(before, settings=changed, limits=build_limits(changed))

    yield set_limits
    app.extensions[EXTENSION] = before
