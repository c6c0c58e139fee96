"""The use cases of deliveries: what became of them, and sending again."""

from __future__ import annotations

from dataclasses import replace

from sessions.devices import Devices
from sessions.environment import Environment
from sessions.errors import DeliveryNotFound, WebhookNotFound
from sessions.event_log import read_head
from sessions.paging import Page, PageRequest
from sessions.principals import Principal
from sessions.store import deliveries as rows
from sessions.store import event_log
from sessions.store import webhooks as webhook_rows
from sessions.webhooks.outbox import Outbox
from sessions.webhooks.values import Delivery, DeliveryStatus, Queue


class Deliveries:
    """What a principal can do with the deliveries of a device. Raises what `choose` raises."""

    def __init__(self, environment: Environment, devices: Devices, outbox: Outbox) -> None:
        self._environment = environment
        self._devices = devices
        self._outbox = outbox

    def list(
        self,
        principal: Principal,
        device_id: str | None,
        page: PageRequest,
        *,
        status: DeliveryStatus | None,
        event: str | None,
    ) -> Page[Delivery]:
        """List what was sent, or is being tried: what was first tried last comes first."""
        device = self._devices.choose(principal, device_id)
        with self._environment.database.read() as transaction:
            return rows.page_of_device(transaction, device.id, page, status=status, event=event)

    def retry(self, principal: Principal, device_id: str | None, delivery_id: str) -> Delivery:
        """Send an event again, once; one that waits is tried at once. Raises DeliveryNotFound."""
        device = self._devices.choose(principal, device_id)
        with self._environment.database.write() as transaction:
            queue = webhook_rows.find_queue(transaction, device.id)
            found = rows.find(transaction, device.id, delivery_id.lower())
            if queue is None or found is None:
                raise DeliveryNotFound
            if not event_log.with_sequences(transaction, device.id, [found.sequence]):
                raise DeliveryNotFound("the event of that delivery is no longer kept")
            if found.status is DeliveryStatus.WAITING:
                webhook_rows.put_queue(transaction, device.id, replace(queue, next_at=None))
            else:
                rows.set_queued(transaction, device.id, found.id)
                found = replace(found, status=DeliveryStatus.QUEUED)
        self._outbox.hasten(device.id)
        return found

    def retry_after(self, principal: Principal, device_id: str | None, after: int) -> int:
        """Send all events behind a sequence again, in order; returns how many are to be sent.

        What is behind it and was not sent yet is among them. Raises WebhookNotFound, CursorExpired.
        """
        device = self._devices.choose(principal, device_id)
        with self._environment.database.write() as transaction:
            queue = webhook_rows.find_queue(transaction, device.id)
            webhook = webhook_rows.find(transaction, device.id)
            if queue is None or webhook is None:
                raise WebhookNotFound
            read_head(transaction, device.id, after)
            position = min(after, queue.position)
            webhook_rows.put_queue(transaction, device.id, Queue(position))
            types = webhook.events or ()
            count = event_log.count_after(transaction, device.id, position, types=types)
        self._outbox.hasten(device.id)
        return count
