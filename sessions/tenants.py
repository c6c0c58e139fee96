"""Tenants, their users, and how both begin."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sessions.principals import Role


@dataclass(frozen=True, slots=True)
class Tenant:
    """The wall of isolation."""

    id: str
    name: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who holds tokens of a tenant."""

    id: str
    tenant_id: str
    email: str
    role: Role
    active: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Registration:
    """A new tenant with its first user. `token` is shown this once and kept nowhere."""

    user: User
    tenant: Tenant
    token: str
