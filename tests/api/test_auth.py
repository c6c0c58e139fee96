"""Who may call: tokens in the header and nowhere else."""

from __future__ import annotations

import pytest

from app.auth import Authenticator, MasterToken, read_token
from sessions.errors import Forbidden, Unauthorized
from sessions.principals import Principal, Role

MASTER = "m" * 40
TOKEN = "3f1d2c4b-1111-4222-8333-444455556666"
PRINCIPAL = Principal("tenant", "user", Role.ADMIN, "token")


class OneToken:
    """Knows one token."""

    def authenticate(self, text: str) -> Principal:
        """Return the principal of the token."""
        if text != TOKEN:
            raise Unauthorized
        return PRINCIPAL


@pytest.fixture
def authenticator() -> Authenticator:
    """Knows one token and the master token."""
    master = MasterToken()
    master.set(MASTER)
    return Authenticator(OneToken(), master)


@pytest.mark.parametrize(
    "header", [f"Bearer {TOKEN}", f"bearer {TOKEN}", f"BEARER  {TOKEN}", TOKEN, f" {TOKEN} "]
)
def test_accepted_forms(authenticator: Authenticator, header: str) -> None:
    """The scheme may be in any case, or missing."""
    assert authenticator.principal(header) == PRINCIPAL


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN} x", f"Bearer {TOKEN},", "é"],
)
def test_refused_forms(authenticator: Authenticator, header: str | None) -> None:
    """Anything else is no token."""
    with pytest.raises(Unauthorized):
        authenticator.principal(header)
    with pytest.raises(Unauthorized):
        authenticator.require_master(header)


def test_master_token_acts_for_the_platform_alone(authenticator: Authenticator) -> None:
    """The master token opens no tenant, and a tenant's token no platform operation."""
    authenticator.require_master(f"Bearer {MASTER}")
    with pytest.raises(Forbidden):
        authenticator.principal(f"Bearer {MASTER}")
    with pytest.raises(Forbidden):
        authenticator.require_master(f"Bearer {TOKEN}")
    with pytest.raises(Unauthorized):
        authenticator.require_master("Bearer something-else")


def test_unknown_master_token_matches_nothing() -> None:
    """Before it is known, and once it is forgotten, nothing is the master token."""
    master = MasterToken()
    assert not master.matches("")
    master.set(MASTER)
    assert master.matches(MASTER)
    master.forget()
    assert not master.matches(MASTER)


def test_derived_keys_differ_by_purpose() -> None:
    """Keys for two purposes have nothing in common, and don't change."""
    master = MasterToken()
    master.set(MASTER)
    assert master.derive_key("log") == master.derive_key("log")
    assert master.derive_key("log") != master.derive_key("cursor")


def test_read_token_keeps_the_token() -> None:
    """The token itself is not changed."""
    assert read_token(f"Bearer {TOKEN}") == TOKEN
