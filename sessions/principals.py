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

    def is_above(self, other: Role) -> bool:
        """Whether it may do more than another one."""
        return _RANKS[self] > _RANKS[other]


_RANKS = {Role.USER: 0, Role.MANAGER: 1, Role.ADMIN: 2}


class Scope(StrEnum):
    """What a token may be restricted to. A restricted one never reaches users or tokens."""

    CHATS_READ = "chats:read"
    CHATS_WRITE = "chats:write"
    CALLS_READ = "calls:read"
    CALLS_WRITE = "calls:write"
    DEVICES_MANAGE = "devices:manage"
    WEBHOOKS_MANAGE = "webhooks:manage"
    EVENTS_READ = "events:read"
    APPSTATE_WRITE = "appstate:write"
    PRESENCE_WRITE = "presence:write"
    AUDIT_READ = "audit:read"


@dataclass(frozen=True, slots=True)
class Principal:
    """Tenant, user and role of a request, from the token it presented and from nothing else.

    `scopes` None: the token is not restricted. `expires_at` None: it does not expire.
    """

    tenant_id: str
    user_id: str
    role: Role
    token_id: str
    scopes: frozenset[Scope] | None = None
    expires_at: datetime | None = None


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
class Token:
    """A token as it is listed: `hint` is its last four characters. A user's first has no name."""

    id: str
    user_id: str
    hint: str
    created_at: datetime
    name: str | None = None
    scopes: tuple[Scope, ...] | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new token of a user. `text` is shown this once and kept nowhere."""

    token: Token
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewUser:
    """A new user. `token` is shown this once and kept nowhere."""

    user: User
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Registration:
    """A new tenant with its first user. `token` is shown this once and kept nowhere."""

    user: User
    tenant: Tenant
    token: str = field(repr=False)
