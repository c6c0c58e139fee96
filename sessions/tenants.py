"""Tenants and how they begin."""

from __future__ import annotations

import uuid

from sessions.errors import InvalidInput, Problem, TenantExists
from sessions.principals import Registration, Role, Tenant, User
from sessions.store import tenants as rows
from sessions.store import tokens as token_rows
from sessions.store.database import Database
from sessions.times import WallClock
from sessions.tokens import make_token

_MAX_NAME = 200
_MAX_EMAIL = 320


class Tenants:
    """Makes tenants."""

    def __init__(self, database: Database, now: WallClock) -> None:
        self._database = database
        self._now = now

    def register(self, tenant_name: str, email: str) -> Registration:
        """Make a tenant with its first user, an admin, and a token for him.

        Raises TenantExists, InvalidInput.
        """
        name, address = tenant_name.strip(), email.strip()
        _check_lengths(name, address)
        now = self._now()
        tenant = Tenant(str(uuid.uuid4()), name, created_at=now, updated_at=now)
        user = User(
            id=str(uuid.uuid4()),
            tenant_id=tenant.id,
            email=address,
            role=Role.ADMIN,
            active=True,
            created_at=now,
            updated_at=now,
        )
        token = make_token(user.id, now)
        with self._database.write() as transaction:
            if rows.is_name_taken(transaction, name):
                raise TenantExists
            rows.add_tenant(transaction, tenant)
            rows.add_user(transaction, user)
            token_rows.add(transaction, token.stored)
        return Registration(user, tenant, token.text)


def _check_lengths(name: str, address: str) -> None:
    problems = [
        Problem(field, f"Must have 1 to {most} characters.")
        for field, text, most in (
            ("tenant_name", name, _MAX_NAME),
            ("email", address, _MAX_EMAIL),
        )
        if not 1 <= len(text) <= most
    ]
    if problems:
        raise InvalidInput(problems)
