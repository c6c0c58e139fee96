"""Tenants: how they begin, how they end, and how a lost admin gets in again."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session as Transaction

from sessions.deadline import Deadline
from sessions.environment import Environment
from sessions.errors import InvalidInput, Problem, TenantExists, TenantNotFound
from sessions.paging import Page, PageRequest
from sessions.principals import IssuedToken, Registration, Role, Tenant
from sessions.states import DesiredState, Device
from sessions.store import devices as device_rows
from sessions.store import tenants as rows
from sessions.store import users as user_rows
from sessions.store import webhooks as webhook_rows
from sessions.store.erasure import erase_device, erase_tenant, erase_user
from sessions.tokens import issue, reissue_first
from sessions.users import build_user, problems_of_email
from sessions.webhooks.egress import Guard

_MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class TenantErasure:
    """A tenant is gone: its devices, and how many of them WhatsApp has confirmed as unlinked."""

    tenant_id: str
    devices: int
    unlinked: int


class Tenants:
    """What the platform's owner can do with tenants."""

    def __init__(self, environment: Environment, guard: Guard) -> None:
        self._environment = environment
        self._guard = guard

    def register(
        self, tenant_name: str, email: str, *, webhook_url: str | None = None
    ) -> Registration:
        """Make a tenant with its first user, an admin, and a token for him.

        Events of the first device that he links go to `webhook_url`. Raises TenantExists,
        InvalidInput.
        """
        _check_lengths(tenant_name.strip(), email.strip())
        if webhook_url is not None:
            self._guard.check(webhook_url)
        now = self._environment.now()
        tenant = Tenant(str(uuid.uuid4()), tenant_name.strip(), created_at=now, updated_at=now)
        user = build_user(tenant.id, email, role=Role.ADMIN, now=now)
        with self._environment.database.write() as transaction:
            if rows.is_name_taken(transaction, tenant.name):
                raise TenantExists
            rows.add(transaction, tenant)
            user_rows.put(transaction, user)
            webhook_rows.put_pending(transaction, user.id, webhook_url)
            token = issue(transaction, user.id, now=now)
        return Registration(user, tenant, token.text)

    def list(self, page: PageRequest) -> Page[Tenant]:
        """List the tenants, oldest first."""
        with self._environment.database.read() as transaction:
            return rows.all_tenants(transaction, page)

    def find(self, tenant_id: str) -> Tenant:
        """Return a tenant. Raises TenantNotFound."""
        with self._environment.database.read() as transaction:
            return _find(transaction, tenant_id)

    def renew_admin_token(self, tenant_id: str) -> IssuedToken:
        """Replace the first token of the tenant's oldest active admin, who lost it.

        Raises TenantNotFound, also when the tenant is being deleted.
        """
        with self._environment.database.write() as transaction:
            tenant = _find(transaction, tenant_id)
            admins = user_rows.active_admins(transaction, tenant.id)
            if not admins:
                raise TenantNotFound
            return reissue_first(transaction, admins[0].id, now=self._environment.now())

    def delete(self, tenant_id: str, *, deadline: Deadline) -> TenantErasure:
        """Unlink every device of a tenant and erase all that is its. Repeating goes on.

        Raises TenantNotFound, and what the admission and the bridge raise.
        """
        with self._environment.admission.command():
            tenant, devices = self._put_out(tenant_id)
            done = self._environment.registry.erase_tenant(tenant.id, devices, deadline=deadline)
            with self._environment.database.write() as transaction:
                for device in devices:
                    erase_device(transaction, device.id)
                for user_id in user_rows.ids_of_tenant(transaction, tenant.id):
                    erase_user(transaction, user_id)
                erase_tenant(transaction, tenant.id)
            self._environment.database.empty_log()
        return TenantErasure(tenant.id, len(devices), unlinked=done["unlinked"])

    def _put_out(self, tenant_id: str) -> tuple[Tenant, Sequence[Device]]:
        """Let every token and device rest from now on, so that nothing new comes of them."""
        with self._environment.database.write() as transaction:
            tenant = _find(transaction, tenant_id)
            user_rows.deactivate_all(transaction, tenant.id)
            devices = device_rows.of_tenant(transaction, tenant.id)
            for device in devices:
                device_rows.set_desired(transaction, device.key, desired=DesiredState.OFFLINE)
        return tenant, devices


def _check_lengths(name: str, address: str) -> None:
    problems = [*problems_of_email(address)]
    if not 1 <= len(name) <= _MAX_NAME:
        problems.insert(0, Problem("tenant_name", f"Must have 1 to {_MAX_NAME} characters."))
    if problems:
        raise InvalidInput(problems)


def _find(transaction: Transaction, tenant_id: str) -> Tenant:
    tenant = rows.find(transaction, tenant_id.lower())
    if tenant is None:
        raise TenantNotFound
    return tenant
