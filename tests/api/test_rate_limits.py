"""Too many requests, and whose they are."""

from __future__ import annotations

import pytest
from werkzeug.test import EnvironBuilder, TestResponse

from app.clients import find_origin
from app.settings import Settings, SettingsError
from tests.api.conftest import Limit
from tests.support.api import MASTER, Caller
from tests.support.contract import CheckedClient

STRANGER = "3f1d2c4b-1111-4222-8333-444455556666"


def fail(client: CheckedClient, peer: str = "192.0.2.1", **headers: str) -> TestResponse:
    """Present a token that nobody has."""
    return client.get(
        "/devices",
        headers={"Authorization": f"Bearer {STRANGER}", **headers},
        environ_overrides={"REMOTE_ADDR": peer},
    )


def test_requests_of_a_token(caller: Caller, stranger: Caller, limit: Limit) -> None:
    """Beyond its rate a token gets 429 with Retry-After, and other tokens don't notice."""
    limit(rate_limit=1)
    assert [caller.get("/devices").status_code for _ in range(3)] == [200, 200, 429]
    refused = caller.get("/devices")
    assert refused.get_json()["error_code"] == "RATE_LIMITED"
    assert refused.headers["Retry-After"] == "1"
    assert stranger.get("/devices").status_code == 200


def test_requests_of_the_master_token(client: CheckedClient, limit: Limit) -> None:
    """The platform's token has a rate of its own."""
    limit(rate_limit=1)
    header = {"Authorization": f"Bearer {MASTER}"}
    statuses = [client.post("/register", headers=header, json={}).status_code for _ in range(3)]
    assert statuses == [400, 400, 429]


def test_failures_of_an_address(client: CheckedClient, caller: Caller, limit: Limit) -> None:
    """After too many failures an address gets 429, but a good token is let in from there, too."""
    limit(failure_limit=2)
    assert [fail(client).status_code for _ in range(3)] == [401, 401, 429]
    assert int(fail(client).headers["Retry-After"]) in range(1, 31)
    assert fail(client, peer="192.0.2.2").status_code == 401
    answer = caller.get("/devices", environ_overrides={"REMOTE_ADDR": "192.0.2.1"})
    assert answer.status_code == 200


def test_nobody_chooses_his_address(client: CheckedClient, limit: Limit) -> None:
    """X-Forwarded-For counts from a trusted proxy alone."""
    limit(failure_limit=1)
    proxies = Settings.from_environment({"WUTS_TRUSTED_PROXIES": "10.0.0.0/8"}).trusted_proxies
    assert fail(client).status_code == 401
    assert fail(client, **{"X-Forwarded-For": "198.51.100.7"}).status_code == 429
    limit(failure_limit=1, trusted_proxies=proxies)
    for forwarded, status in (("198.51.100.7", 401), ("198.51.100.7", 429), ("198.51.100.8", 401)):
        answer = fail(client, peer="10.0.0.1", **{"X-Forwarded-For": forwarded})
        assert answer.status_code == status


@pytest.mark.parametrize(
    ("peer", "forwarded", "origin"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.7"], "192.0.2.1"),
        ("10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.9, 198.51.100.7, 10.2.2.2"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.9", "198.51.100.7"], "198.51.100.7"),
        ("::ffff:10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["nonsense"], "unknown"),
        ("2001:db8::1", ["198.51.100.7"], "2001:db8::/64"),
        ("10.0.0.1", ["2001:db8:0:1::77"], "2001:db8:0:1::/64"),
        ("", [], "unknown"),
    ],
)
def test_origin(peer: str, forwarded: list[str], origin: str) -> None:
    """The origin is the last address that no trusted proxy has, and a /64 of IPv6."""
    trusted = Settings.from_environment({"WUTS_TRUSTED_PROXIES": "10.0.0.0/8"}).trusted_proxies
    headers = [("X-Forwarded-For", hops) for hops in forwarded]
    builder = EnvironBuilder(headers=headers, environ_overrides={"REMOTE_ADDR": peer})
    assert find_origin(builder.get_request(), trusted) == origin


def test_proxies_are_networks() -> None:
    """A name is no network."""
    for text in ("proxy.example.com", "10.0.0.1/8"):
        with pytest.raises(SettingsError, match="WUTS_TRUSTED_PROXIES"):
            Settings.from_environment({"WUTS_TRUSTED_PROXIES": text})


def test_defaults_never_hit_a_busy_client() -> None:
    """128 connections that archive all the time stay below the default limits."""
    assert Settings().rate_limit >= 2000
