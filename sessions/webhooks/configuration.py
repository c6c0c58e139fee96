"""The use cases of webhooks: configure, show, remove, try.

They raise DeviceNotFound, DeviceRequired and DeviceNotLinked (the choice of the device).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session as Transaction

from sessions.deadline import Deadline
from sessions.environment import Environment
from sessions.errors import DeviceNotLinked, InvalidInput, Overloaded, Problem, WebhookNotFound
from sessions.ownership import choose_device
from sessions.principals import Principal
from sessions.states import Device
from sessions.store import mirrors
from sessions.store import webhooks as rows
from sessions.store.event_log import LogEntry
from sessions.times import to_milliseconds
from sessions.tokens import require_active
from sessions.vault import Vault
from sessions.webhooks.egress import Guard
from sessions.webhooks.messages import build_message
from sessions.webhooks.outbox import Outbox
from sessions.webhooks.pending import build_webhook
from sessions.webhooks.posting import Lines
from sessions.webhooks.values import Outcome, Queue, Webhook

TEST_EVENT = "webhook.test"
_REQUIRED = ("webhook_url", "enabled_events")
_MEMBERS = {"webhook_url": "url", "enabled_events": "events"}
_USUAL: Mapping[str, Any] = {"enabled": True, "retry_attempts": 3, "timeout": 10}
_OVERLAP = timedelta(hours=24)


class Webhooks:
    """What a principal can do with the webhooks of devices, each of which has one at most."""

    def __init__(
        self, environment: Environment, outbox: Outbox, *, lines: Lines, guard: Guard, vault: Vault
    ) -> None:
        self._environment = environment
        self._outbox = outbox
        self._lines = lines
        self._guard = guard
        self._vault = vault

    def configure(
        self, principal: Principal, device_id: str | None, given: Mapping[str, Any]
    ) -> Webhook:
        """Make the webhook of a device, or change what is given of it; None means: as usual.

        A new one gets the events from now on. Raises InvalidInput.
        """
        if "webhook_url" in given:
            self._guard.check(given["webhook_url"])
        now = self._environment.now()
        with self._environment.database.write() as transaction:
            require_active(transaction, principal)
            device = _choose(transaction, principal, device_id)
            before = rows.find(transaction, device.id)
            webhook = self._build(before or _begin(device.id, given, now), given, now)
            rows.put(transaction, webhook)
            queue = _queue_of(transaction, before, webhook)
            rows.put_queue(transaction, device.id, queue)
        self._outbox.hasten(device.id)
        return webhook

    def find(self, principal: Principal, device_id: str | None) -> Webhook:
        """Return the webhook of a device. Raises WebhookNotFound."""
        with self._environment.database.read() as transaction:
            return _find(transaction, _choose(transaction, principal, device_id))

    def remove(self, principal: Principal, device_id: str | None) -> None:
        """Remove the webhook of a device, with its deliveries. Raises WebhookNotFound."""
        with self._environment.database.write() as transaction:
            device = _choose(transaction, principal, device_id)
            if not rows.remove(transaction, device.id):
                raise WebhookNotFound

    def set_pending(self, principal: Principal, url: str | None) -> None:
        """Have the events of the next device that the caller links go to a URL; None: nowhere.

        Raises InvalidInput.
        """
        if url is not None:
            self._guard.check(url)
        with self._environment.database.write() as transaction:
            require_active(transaction, principal)
            rows.put_pending(transaction, principal.user_id, url)

    def test(self, principal: Principal, device_id: str | None, *, deadline: Deadline) -> Outcome:
        """Send an event that means nothing, once. Raises WebhookNotFound, Overloaded."""
        with self._environment.database.read() as transaction:
            device = _choose(transaction, principal, device_id)
            webhook = _find(transaction, device)
        now = self._environment.now()
        data = {"message": "this is a test"}
        entry = LogEntry(
            str(uuid.uuid4()), TEST_EVENT, to_milliseconds(now), device.id, device.user_id, data, 0
        )
        message = build_message(entry, webhook, vault=self._vault, now=now)
        with self._environment.admission.poll(principal.user_id) as may_wait:
            if not may_wait:
                raise Overloaded
            with self._lines.open(webhook.url) as line:
                return line.post(message, min(webhook.timeout, deadline.remaining()))

    def _build(self, before: Webhook, given: Mapping[str, Any], now: datetime) -> Webhook:
        changes: dict[str, Any] = {
            _MEMBERS.get(name, name): _USUAL.get(name) if value is None else value
            for name, value in given.items()
            if name not in ("secret", "headers")
        }
        if "secret" in given:
            changes |= self._change_secret(before, given["secret"], now)
        if "headers" in given:
            headers = given["headers"] or {}
            changes["headers"] = {
                name: self._vault.encrypt(value).decode() for name, value in headers.items()
            }
        if "enabled" in changes:
            changes |= {"disabled_reason": None, "disabled_at": None}
        return replace(before, **changes, updated_at=now)

    def _change_secret(
        self, before: Webhook, secret: str | None, now: datetime
    ) -> Mapping[str, Any]:
        """Sign with another secret; for a day with the one before, too, if there was one."""
        if secret is None:
            return {"secret": None, "old_secret": None, "old_secret_until": None}
        if before.secret is None:
            return {"secret": self._vault.encrypt(secret)}
        if self._vault.decrypt(before.secret) == secret:
            return {}
        return {
            "secret": self._vault.encrypt(secret),
            "old_secret": before.secret,
            "old_secret_until": now + _OVERLAP,
        }


def renew_secrets(transaction: Transaction, vault: Vault) -> None:
    """Encrypt every secret anew, with the first key: the others are not needed any more."""
    for webhook in rows.every(transaction):
        secret, old_secret = (
            None if kept is None else vault.renew(kept)
            for kept in (webhook.secret, webhook.old_secret)
        )
        headers = {
            name: vault.renew(value.encode()).decode() for name, value in webhook.headers.items()
        }
        rows.put(
            transaction, replace(webhook, secret=secret, old_secret=old_secret, headers=headers)
        )


def _begin(device_id: str, given: Mapping[str, Any], now: datetime) -> Webhook:
    missing = [name for name in _REQUIRED if name not in given]
    if missing:
        raise InvalidInput([Problem(name, "Missing data for required field.") for name in missing])
    return build_webhook(
        device_id, given["webhook_url"], events=tuple(given["enabled_events"]), at=now
    )


def _queue_of(transaction: Transaction, before: Webhook | None, webhook: Webhook) -> Queue:
    """Return where a webhook goes on: where it was, unless its owner did not want events."""
    present = rows.find_queue(transaction, webhook.device_id)
    was_off = before is not None and not before.enabled and before.disabled_reason is None
    if present is None or (was_off and webhook.enabled):
        return Queue(mirrors.head(transaction, webhook.device_id).sequence)
    return Queue(present.position)


def _choose(transaction: Transaction, principal: Principal, device_id: str | None) -> Device:
    device = choose_device(transaction, principal, device_id)
    if device is None:
        raise DeviceNotLinked
    return device


def _find(transaction: Transaction, device: Device) -> Webhook:
    webhook = rows.find(transaction, device.id)
    if webhook is None:
        raise WebhookNotFound
    return webhook
