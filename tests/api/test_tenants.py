"""POST /register."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.support.api import Caller
from tests.support.contract import CheckedClient

GOOD = {"tenant_name": "Example Ltd", "email": "admin@example.com"}
OTHER = {"tenant_name": "Another Ltd", "email": "admin@another.example.com"}
THIRD = {"tenant_name": "Third Ltd", "email": "admin@third.example.com"}


def test_register(client: CheckedClient, master: dict[str, str]) -> None:
    """A new tenant's first user is its admin, and the token works at once."""
    answer = client.post("/register", json=GOOD, headers=master)
    assert answer.status_code == 201
    made = answer.get_json()
    assert made["user"]["role"] == "admin"
    assert made["user"]["tenant_id"] == made["tenant"]["id"]
    assert made["user"]["token"] == made["token"]
    assert uuid.UUID(made["token"]).version == 4
    assert made["webhook_configured"] is False
    listed = client.get("/devices", headers={"Authorization": f"Bearer {made['token']}"})
    assert listed.status_code == 200


def test_published_fields_that_are_not_used(client: CheckedClient, master: dict[str, str]) -> None:
    """A password is dropped and a role ignored, whatever they are."""
    body = {**OTHER, "password": ["anything"], "role": "user"}
    answer = client.post("/register", json=body, headers=master)
    assert answer.status_code == 201
    assert answer.get_json()["user"]["role"] == "admin"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"tenant_name": None}, "tenant_name"),
        ({"tenant_name": ""}, "tenant_name"),
        ({"tenant_name": "x" * 101}, "tenant_name"),
        ({"tenant_name": 5}, "tenant_name"),
        ({"email": None}, "email"),
        ({"email": "nobody"}, "email"),
        ({"email": "a" * 250 + "@example.com"}, "email"),
        ({"email": "a@b@example.com"}, "email"),
        ({"webhook_url": "https://example.com/"}, "webhook_url"),
        ({"plan": "gold"}, "plan"),
    ],
)
def test_bad_input(
    client: CheckedClient, master: dict[str, str], change: dict[str, Any], field: str
) -> None:
    """What is missing, malformed or unknown is named."""
    answer = client.post("/register", json={**GOOD, **change}, headers=master)
    assert answer.status_code == 400
    assert field in [problem["field"] for problem in answer.get_json()["validation"]]


def test_existing_names(client: CheckedClient, master: dict[str, str]) -> None:
    """A tenant's name and a user's address are taken once."""
    assert client.post("/register", json=THIRD, headers=master).status_code == 201
    answer = client.post("/register", json=THIRD, headers=master)
    assert answer.status_code == 409
    assert answer.get_json()["error_code"] in ("TENANT_EXISTS", "USER_EXISTS")


def test_only_the_master_token(client: CheckedClient, caller: Caller) -> None:
    """Without a token it is 401, with a tenant's 403."""
    assert client.post("/register", json=GOOD).status_code == 401
    answer = caller.post("/register", json=GOOD)
    assert (answer.status_code, answer.get_json()["error_code"]) == (403, "FORBIDDEN")
