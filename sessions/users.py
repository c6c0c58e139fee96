"""The use cases of users. All raise Unauthorized when the caller was put out meanwhile."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session as Transaction

from sessions import authority
from sessions.authority import UserChanges
from sessions.connections import Connections
from sessions.deadline import Deadline
from sessions.environment import Environment
from sessions.errors import DeviceNotFound, InvalidInput, Problem, UserExists
from sessions.paging import Page, PageRequest
from sessions.principals import IssuedToken, NewUser, Principal, Role, User
from sessions.states import DesiredState, Device
from sessions.store import devices as device_rows
from sessions.store import users as rows
from sessions.store import webhooks as webhook_rows
from sessions.store.erasure import erase_user
from sessions.tokens import issue, reissue_first
from sessions.webhooks.egress import Guard

_MAX_EMAIL = 320


@dataclass(frozen=True, slots=True)
class Promotion:
    """What became of a user's role."""

    user_id: str
    old_role: Role
    new_role: Role


class Users:
    """What a principal can do with the users of his tenant."""

    def __init__(self, environment: Environment, connections: Connections, guard: Guard) -> None:
        self._environment = environment
        self._connections = connections
        self._guard = guard

    def create(
        self, principal: Principal, email: str, *, role: Role, webhook_url: str | None = None
    ) -> NewUser:
        """Make a user with a token. Events of the first device that he links go to `webhook_url`.

        Raises Forbidden, UserExists, InvalidInput.
        """
        if webhook_url is not None:
            self._guard.check(webhook_url)
        with self._environment.database.write() as transaction:
            authority.check_creates(authority.read_actor(transaction, principal))
            now = self._environment.now()
            user = build_user(principal.tenant_id, email, role=role, now=now)
            _put(transaction, user)
            webhook_rows.put_pending(transaction, user.id, webhook_url)
            token = issue(transaction, user.id, now=now)
        return NewUser(user, token.text)

    def list(self, principal: Principal, page: PageRequest) -> Page[User]:
        """List the users of the tenant, oldest first."""
        with self._environment.database.read() as transaction:
            return rows.of_tenant(transaction, principal.tenant_id, page)

    def find(self, principal: Principal, user_id: str) -> User:
        """Return a user of the tenant. Raises Forbidden, UserNotFound."""
        with self._environment.database.read() as transaction:
            authority.check_reads(authority.read_actor(transaction, principal), user_id)
            return authority.read_target(transaction, principal, user_id)

    def update(self, principal: Principal, user_id: str, *, changes: UserChanges) -> User:
        """Change a user. Raises Forbidden, UserNotFound, UserExists, LastAdmin, InvalidInput."""
        with self._environment.database.write() as transaction:
            actor = authority.read_actor(transaction, principal)
            target = authority.read_target(transaction, principal, user_id)
            authority.check_changes(transaction, actor, target=target, changes=changes)
            changed = replace(
                target,
                email=target.email if changes.email is None else check_email(changes.email),
                role=changes.role or target.role,
                active=target.active if changes.active is None else changes.active,
                updated_at=self._environment.now(),
            )
            _put(transaction, changed)
        return changed

    def promote(self, principal: Principal, user_id: str, *, role: Role) -> Promotion:
        """Give a user a role above his. Raises Forbidden, UserNotFound, InvalidInput."""
        with self._environment.database.write() as transaction:
            actor = authority.read_actor(transaction, principal)
            target = authority.read_target(transaction, principal, user_id)
            authority.check_promotes(actor, target=target, role=role)
            _put(transaction, replace(target, role=role, updated_at=self._environment.now()))
        return Promotion(target.id, target.role, role)

    def rotate_token(self, principal: Principal, user_id: str) -> IssuedToken:
        """Replace the first token of a user. Raises Forbidden, UserNotFound."""
        with self._environment.database.write() as transaction:
            actor = authority.read_actor(transaction, principal)
            target = authority.read_target(transaction, principal, user_id)
            authority.check_rotates(actor, principal, target=target)
            return reissue_first(transaction, target.id, now=self._environment.now())

    def delete(self, principal: Principal, user_id: str, *, deadline: Deadline) -> None:
        """Unlink a user's devices and erase everything of his. Repeating goes on where it ended.

        Raises Forbidden, UserNotFound, LastAdmin, and what the admission and the sessions raise.
        """
        with self._environment.admission.command():
            target, devices = self._put_out(principal, user_id)
            for device in devices:
                # Somebody may have purged it meanwhile.
                with suppress(DeviceNotFound):
                    self._connections.erase(device, deadline)
            with self._environment.database.write() as transaction:
                erase_user(transaction, target.id)
            self._environment.database.empty_log()

    def _put_out(self, principal: Principal, user_id: str) -> tuple[User, Sequence[Device]]:
        """Let a user's tokens and devices rest from now on, so that nothing new comes of them."""
        with self._environment.database.write() as transaction:
            actor = authority.read_actor(transaction, principal)
            target = authority.read_target(transaction, principal, user_id)
            authority.check_removes(transaction, actor, target=target)
            rows.put(transaction, replace(target, active=False))
            devices = device_rows.of_user(transaction, target.id)
            for device in devices:
                device_rows.set_desired(transaction, device.key, desired=DesiredState.OFFLINE)
        return target, devices


def build_user(tenant_id: str, email: str, *, role: Role, now: datetime) -> User:
    """Return a new active user of a tenant. Raises InvalidInput."""
    return User(
        id=str(uuid.uuid4()),
        tenant_id=tenant_id,
        email=check_email(email),
        role=role,
        active=True,
        created_at=now,
        updated_at=now,
    )


def check_email(email: str) -> str:
    """Return an address without outer spaces. Raises InvalidInput when it is empty or too long."""
    address = email.strip()
    problems = problems_of_email(address)
    if problems:
        raise InvalidInput(problems)
    return address


def problems_of_email(address: str) -> Sequence[Problem]:
    """Return what is wrong with the length of an address."""
    if 1 <= len(address) <= _MAX_EMAIL:
        return ()
    return (Problem("email", f"Must have 1 to {_MAX_EMAIL} characters."),)


def _put(transaction: Transaction, user: User) -> None:
    if rows.is_email_taken(transaction, user):
        raise UserExists
    rows.put(transaction, user)
