"""Who may call what: every operation that takes a token, in one table.

An operation is named by its endpoint, blueprint and view. `app.auth` enforces the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from sessions.errors import Forbidden
from sessions.principals import Principal, Role, Scope

EVERYBODY = frozenset(Role)
MANAGERS = frozenset({Role.MANAGER, Role.ADMIN})
ADMINS = frozenset({Role.ADMIN})


class Keyed(Enum):
    """Whether an operation takes an idempotency key; ON_DEVICE: it acts on a chosen device."""

    NO = "no"
    YES = "yes"
    ON_DEVICE = "on device"


@dataclass(frozen=True, slots=True)
class Access:
    """What a tenant's token needs for an operation.

    `scope` None: a restricted token never gets in. `action` is what the audit log calls it, None
    for what only reads; `often` says that there are many of them, to be written in batches.
    """

    scope: Scope | None = None
    roles: frozenset[Role] = EVERYBODY
    action: str | None = None
    often: bool = False
    keyed: Keyed = Keyed.NO

    def check(self, principal: Principal) -> None:
        """Raises Forbidden for the wrong role, and for a token restricted to other things."""
        if principal.role not in self.roles:
            raise Forbidden("your role may not do that")
        if principal.scopes is not None and self.scope not in principal.scopes:
            raise Forbidden("this token is restricted to other things")


def _changes_chats(action: str) -> Access:
    return Access(Scope.CHATS_WRITE, action=action, often=True, keyed=Keyed.ON_DEVICE)


TENANT: Mapping[str, Access] = {
    "chats.list_chats": Access(Scope.CHATS_READ),
    "chats.show_chat": Access(Scope.CHATS_READ),
    "events.list_events": Access(Scope.EVENTS_READ),
    "events.stream_events": Access(Scope.EVENTS_READ),
    "chats.archive": _changes_chats("chat.archive"),
    "chats.archive_many": _changes_chats("chat.archive_many"),
    "chats.mute": _changes_chats("chat.mute"),
    "chats.pin": _changes_chats("chat.pin"),
    "chats.unpin": _changes_chats("chat.unpin"),
    "chats.mark": _changes_chats("chat.mark"),
    "disappearing.set_disappearing": _changes_chats("chat.disappearing"),
    "presence.set_typing": Access(Scope.PRESENCE_WRITE, action="chat.typing", often=True),
    "presence.set_presence": Access(Scope.PRESENCE_WRITE, action="presence.set", often=True),
    "presence.subscribe": Access(Scope.PRESENCE_WRITE, action="presence.subscribe", often=True),
    "calls.list_calls": Access(Scope.CALLS_READ),
    "calls.show_call": Access(Scope.CALLS_READ),
    "calls.reject": Access(
        Scope.CALLS_WRITE, action="call.reject", often=True, keyed=Keyed.ON_DEVICE
    ),
    "calls.show_settings": Access(Scope.CALLS_READ),
    "calls.change_settings": Access(
        Scope.CALLS_WRITE, action="call.change_settings", keyed=Keyed.ON_DEVICE
    ),
    "collections.list_collections": Access(Scope.DEVICES_MANAGE),
    "collections.sync": Access(
        Scope.APPSTATE_WRITE, action="app_state.sync", keyed=Keyed.ON_DEVICE
    ),
    "devices.create_device": Access(Scope.DEVICES_MANAGE, action="device.create", keyed=Keyed.YES),
    "devices.list_devices": Access(Scope.DEVICES_MANAGE),
    "devices.list_own_devices": Access(Scope.DEVICES_MANAGE),
    "devices.delete_device": Access(Scope.DEVICES_MANAGE, action="device.delete", keyed=Keyed.YES),
    "devices.show_qr": Access(Scope.DEVICES_MANAGE, action="device.pair", often=True),
    "devices.show_pair_code": Access(Scope.DEVICES_MANAGE, action="device.pair", often=True),
    "devices.show_pairing": Access(Scope.DEVICES_MANAGE),
    "passkeys.show_passkey": Access(Scope.DEVICES_MANAGE),
    "passkeys.answer": Access(Scope.DEVICES_MANAGE, action="device.answer_passkey"),
    "passkeys.confirm": Access(Scope.DEVICES_MANAGE, action="device.confirm_passkey"),
    "devices.show_status": Access(Scope.DEVICES_MANAGE),
    "devices.connect": Access(Scope.DEVICES_MANAGE, action="device.connect"),
    "devices.disconnect": Access(Scope.DEVICES_MANAGE, action="device.disconnect"),
    "devices.logout": Access(Scope.DEVICES_MANAGE, action="device.logout"),
    "webhooks.configure": Access(
        Scope.WEBHOOKS_MANAGE, action="webhook.configure", keyed=Keyed.ON_DEVICE
    ),
    "webhooks.show_webhook": Access(Scope.WEBHOOKS_MANAGE),
    "webhooks.delete_webhook": Access(
        Scope.WEBHOOKS_MANAGE, action="webhook.delete", keyed=Keyed.ON_DEVICE
    ),
    "webhooks.set_pending": Access(
        Scope.WEBHOOKS_MANAGE, action="webhook.set_pending", keyed=Keyed.YES
    ),
    "webhooks.list_names": Access(Scope.WEBHOOKS_MANAGE),
    "webhooks.test": Access(Scope.WEBHOOKS_MANAGE, action="webhook.test"),
    "webhooks.list_deliveries": Access(Scope.WEBHOOKS_MANAGE),
    "webhooks.retry_delivery": Access(
        Scope.WEBHOOKS_MANAGE, action="delivery.retry", keyed=Keyed.ON_DEVICE
    ),
    "webhooks.retry_after": Access(
        Scope.WEBHOOKS_MANAGE, action="delivery.retry_after", keyed=Keyed.ON_DEVICE
    ),
    "users.create_user": Access(roles=ADMINS, action="user.create", keyed=Keyed.YES),
    "users.list_users": Access(roles=MANAGERS),
    "users.show_user": Access(),
    "users.update_user": Access(roles=MANAGERS, action="user.update", keyed=Keyed.YES),
    "users.delete_user": Access(roles=ADMINS, action="user.delete", keyed=Keyed.YES),
    "users.promote_user": Access(roles=MANAGERS, action="user.promote", keyed=Keyed.YES),
    "users.rotate_token": Access(action="user.rotate_token", keyed=Keyed.YES),
    "tokens.create_token": Access(action="token.create", keyed=Keyed.YES),
    "tokens.list_tokens": Access(),
    "tokens.delete_token": Access(action="token.delete", keyed=Keyed.YES),
    "audit.list_audit": Access(Scope.AUDIT_READ, roles=ADMINS),
}

PLATFORM: Mapping[str, str | None] = {
    "tenants.register": "tenant.register",
    "tenants.list_tenants": None,
    "tenants.show_tenant": None,
    "tenants.delete_tenant": "tenant.delete",
    "tenants.renew_admin_token": "tenant.renew_admin_token",
}
"""What takes the platform's token, with what the audit log calls it; every such write is keyed."""
