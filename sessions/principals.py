"""Tenants, their users, and who makes a request."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """Whose devices a user may act on: his own, or (manager, admin) every one of the tenant."""

    ADMIN = "admin"
    MANAGER = "manager"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Principal:
    """Tenant, user and role of a request, from the token it presented and from nothing else."""

    tenant_id: str
    user_id: str
    role: Role
    token_id: str


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
    token: str = field(repr=False)
