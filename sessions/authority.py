"""Who may change whom: admins everybody, managers a little, nobody himself, the last admin stays.

Everything is decided on what the database says within the caller's transaction: whoever was let in
with a role may have lost it since.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session as Transaction

from sessions.errors import (
    Forbidden,
    InvalidInput,
    LastAdmin,
    Problem,
    Unauthorized,
    UserNotFound,
)
from sessions.principals import Principal, Role, User
from sessions.store import users as rows


@dataclass(frozen=True, slots=True)
class UserChanges:
    """What is to be changed of a user; what is None stays."""

    email: str | None = None
    role: Role | None = None
    active: bool | None = None

    @property
    def is_about_active_alone(self) -> bool:
        """Whether nothing but `active` is to be changed."""
        return self.email is None and self.role is None and self.active is not None


def read_actor(transaction: Transaction, principal: Principal) -> User:
    """Return the caller as he is now. Raises Unauthorized when he was put out meanwhile."""
    actor = rows.find(transaction, principal.tenant_id, principal.user_id)
    if actor is None or not actor.active:
        raise Unauthorized
    return actor


def read_target(transaction: Transaction, principal: Principal, user_id: str) -> User:
    """Return a user of the caller's tenant. Raises UserNotFound."""
    target = rows.find(transaction, principal.tenant_id, user_id.lower())
    if target is None:
        raise UserNotFound
    return target


def check_creates(actor: User) -> None:
    """Only admins make users. Raises Forbidden."""
    if actor.role is not Role.ADMIN:
        raise Forbidden


def check_reads(actor: User, user_id: str) -> None:
    """Admins and managers see everybody, others themselves. Raises Forbidden."""
    if actor.role is Role.USER and actor.id != user_id.lower():
        raise Forbidden


def check_changes(
    transaction: Transaction, actor: User, *, target: User, changes: UserChanges
) -> None:
    """Managers set `active` of those below them, admins everything. Raises Forbidden, LastAdmin."""
    is_managed = target.role is Role.USER and changes.is_about_active_alone
    if actor.role is not Role.ADMIN and not (actor.role is Role.MANAGER and is_managed):
        raise Forbidden
    if changes.role not in (None, Role.ADMIN) or changes.active is False:
        _check_last_admin(transaction, target)
    _check_not_himself(actor, target)


def check_removes(transaction: Transaction, actor: User, *, target: User) -> None:
    """Only admins remove users. Raises Forbidden, LastAdmin."""
    if actor.role is not Role.ADMIN:
        raise Forbidden
    _check_last_admin(transaction, target)
    _check_not_himself(actor, target)


def check_promotes(actor: User, *, target: User, role: Role) -> None:
    """Managers make users managers, admins make anybody more. Raises Forbidden, InvalidInput."""
    is_managed = target.role is Role.USER and role is Role.MANAGER
    if actor.role is not Role.ADMIN and not (actor.role is Role.MANAGER and is_managed):
        raise Forbidden
    _check_not_himself(actor, target)
    if not role.is_above(target.role):
        raise InvalidInput([Problem("new_role", "Must be above the present role.")])


def check_rotates(actor: User, principal: Principal, *, target: User) -> None:
    """Admins renew everybody's first token, others their own. Raises Forbidden."""
    if actor.role is not Role.ADMIN and actor.id != target.id:
        raise Forbidden
    if actor.id == target.id and principal.expires_at is not None:
        raise Forbidden("a token that expires makes none that does not")


def _check_last_admin(transaction: Transaction, target: User) -> None:
    admins = [admin.id for admin in rows.active_admins(transaction, target.tenant_id)]
    if admins == [target.id]:
        raise LastAdmin


def _check_not_himself(actor: User, target: User) -> None:
    if actor.id == target.id:
        raise Forbidden("nobody changes himself")
