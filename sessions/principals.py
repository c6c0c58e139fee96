"""Who makes a request."""

from __future__ import annotations

from dataclasses import dataclass
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
