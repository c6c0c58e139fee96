"""Tenants, their first users, and tokens."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from sessions.errors import InvalidInput, TenantExists, Unauthorized
from sessions.principals import Principal, Role
from tests.support.sessions import Stage, running


def test_the_first_user_is_an_admin(stage: Stage) -> None:
    """Registering makes a tenant, its admin, and a token that stands for him."""
    made = stage.service.tenants.register("  Acme ", " Admin@example.com ")
    assert (made.tenant.name, made.user.email) == ("Acme", "Admin@example.com")
    assert made.user.role is Role.ADMIN
    principal = stage.service.tokens.authenticate(made.token)
    assert principal == Principal(made.tenant.id, made.user.id, Role.ADMIN, principal.token_id)


def test_a_token_is_a_uuid_in_either_case(stage: Stage) -> None:
    """It is a UUID of version 4, and its letters may be capitals."""
    token = stage.service.tenants.register("Acme", "a@example.com").token
    assert uuid.UUID(token).version == 4
    assert stage.service.tokens.authenticate(token.upper()).role is Role.ADMIN


@pytest.mark.parametrize(
    "text",
    [
        "",
        "token",
        "00000000-0000-0000-0000-000000000000",
        "5f0a4a57-9c1e-1f8f-a9d1-0b0e7c3e5f0a",
        "{5f0a4a57-9c1e-4f8f-a9d1-0b0e7c3e5f0a}",
        "urn:uuid:5f0a4a57-9c1e-4f8f-a9d1-0b0e7c3e5f0a",
        "5f0a4a579c1e4f8fa9d10b0e7c3e5f0a",
        "5f0a4a57-9c1e-4f8f-a9d1-0b0e7c3e5f0a",
        "5f0a4a57-9c1e-4f8f-a9d1-0b0e7c3e5f0a\n",
        "\u0665f0a4a57-9c1e-4f8f-a9d1-0b0e7c3e5f0a",
    ],
)
def test_anything_else_is_unauthorized(stage: Stage, text: str) -> None:
    """What is no token of ours, or none in form, is refused alike."""
    with pytest.raises(Unauthorized):
        stage.service.tokens.authenticate(text)


def test_a_token_survives_a_restart_and_is_kept_nowhere(tmp_path: Path) -> None:
    """It works in the next process, and no file has its text."""
    with running(tmp_path) as stage:
        token = stage.service.tenants.register("Acme", "a@example.com").token
    with running(tmp_path) as stage:
        stage.service.tokens.authenticate(token)
        files = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"Acme" in files
    assert token.encode() not in files


@pytest.mark.parametrize("name", ["Acme", "ACME", " acme "])
def test_a_name_is_taken_once(stage: Stage, name: str) -> None:
    """Names that differ in case or outer spaces are the same."""
    stage.service.tenants.register("Acme", "a@example.com")
    with pytest.raises(TenantExists):
        stage.service.tenants.register(name, "b@example.com")


def test_an_address_may_be_in_several_tenants(stage: Stage) -> None:
    """A person can run two tenants, and nobody learns who is in another one."""
    stage.service.tenants.register("Acme", "a@example.com")
    stage.service.tenants.register("Bolt", "a@example.com")


def test_empty_names_are_refused_by_field(stage: Stage) -> None:
    """Every wrong field is named."""
    with pytest.raises(InvalidInput) as raised:
        stage.service.tenants.register(" ", "a" * 321)
    assert [problem.field for problem in raised.value.problems] == ["tenant_name", "email"]


def test_what_holds_a_secret_does_not_show_it(stage: Stage) -> None:
    """Tokens and codes are left out where an object is printed, as in a log."""
    made = stage.service.tenants.register("Acme", "a@example.com")
    assert made.token not in repr(made)
    code = stage.show_code(stage.service.tokens.authenticate(made.token))
    assert code.code not in repr(code)
