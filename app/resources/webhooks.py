"""Routes of webhooks: where the events of a device go, and what became of them."""

from __future__ import annotations

from typing import Any

from app.api import BODY, DEVICE, KEYED, TOKEN, Blueprint
from app.auth import tenant_token_required
from app.context import request_deadline, service
from app.examples import webhooks as examples
from app.paging import read_page, show_page
from app.parsing import chosen_device
from app.queries import refuse_unknown
from schemas import webhooks as schemas
from schemas.base import DeviceChoice, EmptyRequest, MessageAnswer
from schemas.event_names import NAMES
from schemas.events import DATA
from sessions.errors import ErrorCode
from sessions.principals import Principal
from sessions.webhooks.values import DeliveryStatus

blueprint = Blueprint("webhooks", __name__, description="Where the events of a device go")

CHOICE = (*DEVICE, ErrorCode.DEVICE_NOT_LINKED)
PENDING = "the next device that you link gets this webhook, with all events"
NO_PENDING = "the next device that you link gets no webhook"


@blueprint.route("/webhook", methods=["POST"])
@tenant_token_required
@blueprint.arguments(DeviceChoice, location="query")
@blueprint.arguments(schemas.WebhookRequest, example=examples.CONFIGURE)
@blueprint.errors(*TOKEN, *KEYED, *BODY, *CHOICE)
@blueprint.response(200, schemas.ConfiguredAnswer, example=examples.CONFIGURED)
def configure(principal: Principal, query: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """Have the events of the device sent to a URL, from now on, or change how.

    A device has one webhook. What is absent stays as it is; null makes it as usual again. After a
    change of the secret deliveries are signed with both for 24 hours. What has been disabled by the
    service goes on where it was; what its owner had disabled goes on with the next event.
    """
    device_id = chosen_device(query, body)
    body.pop("device_id", None)
    webhook = service().webhooks.configure(principal, device_id, body)
    return {"message": "webhook configured", "webhook": webhook}


@blueprint.route("/webhook", methods=["GET"])
@tenant_token_required
@blueprint.arguments(DeviceChoice, location="query")
@blueprint.errors(*TOKEN, *CHOICE, ErrorCode.VALIDATION_ERROR, ErrorCode.WEBHOOK_NOT_FOUND)
@blueprint.response(200, schemas.WebhookAnswer, example=examples.SHOWN)
def show_webhook(principal: Principal, query: dict[str, Any]) -> dict[str, Any]:
    """Show where the events of the device go. Neither secrets nor the values of headers are."""
    return {"webhook": service().webhooks.find(principal, chosen_device(query))}


@blueprint.route("/webhook", methods=["DELETE"])
@tenant_token_required
@blueprint.arguments(DeviceChoice, location="query")
@blueprint.errors(*TOKEN, *KEYED, *CHOICE, ErrorCode.WEBHOOK_NOT_FOUND)
@blueprint.response(200, MessageAnswer, example=examples.DELETED)
def delete_webhook(principal: Principal, query: dict[str, Any]) -> dict[str, Any]:
    """Send the events of the device nowhere any more, and forget what became of them."""
    service().webhooks.remove(principal, chosen_device(query))
    return {"message": "webhook deleted"}


@blueprint.route("/user/webhook", methods=["POST"])
@tenant_token_required
@blueprint.arguments(schemas.PendingWebhookRequest, example={"webhook_url": examples.URL})
@blueprint.errors(*TOKEN, *KEYED, *BODY)
@blueprint.response(200, schemas.PendingWebhookAnswer, example=examples.PENDING)
def set_pending(principal: Principal, body: dict[str, Any]) -> dict[str, Any]:
    """Have all events of the next device that the caller links sent to a URL.

    It is the webhook of that device from then on, if it has none already.
    """
    url = body["webhook_url"]
    service().webhooks.set_pending(principal, url)
    data = {"webhook_url": url, "available_events": NAMES, "events_count": len(NAMES)}
    return {"message": PENDING if url else NO_PENDING, "data": data}


@blueprint.route("/webhook/events", methods=["GET"])
@tenant_token_required
@blueprint.errors(*TOKEN)
@blueprint.response(200, schemas.NamesAnswer, example=examples.NAMED)
def list_names(principal: Principal) -> dict[str, Any]:  # noqa: ARG001
    """List the names of events that a webhook can be configured for."""
    return {"events": NAMES, "emitted": list(DATA), "count": len(NAMES)}


@blueprint.route("/webhook/test", methods=["POST"])
@tenant_token_required
@blueprint.arguments(DeviceChoice, location="query")
@blueprint.arguments(EmptyRequest, required=False, example={})
@blueprint.errors(*TOKEN, *BODY, *CHOICE, ErrorCode.WEBHOOK_NOT_FOUND, ErrorCode.OVERLOADED)
@blueprint.response(200, schemas.TestAnswer, example=examples.TESTED)
def test(principal: Principal, query: dict[str, Any], body: dict[str, Any]) -> Any:
    """Send an event `webhook.test` at once, and tell what the receiver made of it.

    It is sent once, with `sequence` 0, and also when the webhook is disabled.
    """
    device_id = chosen_device(query, body)
    return service().webhooks.test(principal, device_id, deadline=request_deadline())


@blueprint.route("/webhook/deliveries", methods=["GET"])
@tenant_token_required
@blueprint.arguments(schemas.DeliveriesQuery, location="query")
@blueprint.errors(*TOKEN, *CHOICE, ErrorCode.VALIDATION_ERROR)
@blueprint.response(200, schemas.DeliveriesAnswer, example=examples.LISTED)
def list_deliveries(principal: Principal, query: dict[str, Any]) -> dict[str, Any]:
    """List what was sent in the last seven days, without bodies; what began last comes first."""
    refuse_unknown(schemas.DeliveriesQuery)
    status = DeliveryStatus(query["status"]) if "status" in query else None
    found = service().deliveries.list(
        principal,
        chosen_device(query),
        read_page(query, name="deliveries", owner=principal.user_id),
        status=status,
        event=query.get("event"),
    )
    return show_page(found, name="deliveries", owner=principal.user_id)


@blueprint.route("/webhook/deliveries/<delivery_id>/retry", methods=["POST"])
@tenant_token_required
@blueprint.arguments(DeviceChoice, location="query")
@blueprint.arguments(EmptyRequest, required=False, example={})
@blueprint.errors(*TOKEN, *KEYED, *BODY, *CHOICE, ErrorCode.DELIVERY_NOT_FOUND)
@blueprint.response(200, schemas.RetryAnswer, example=examples.RETRIED)
def retry_delivery(
    principal: Principal, query: dict[str, Any], body: dict[str, Any], delivery_id: str
) -> dict[str, Any]:
    """Send an event again, with its old id, before what follows. One that waits is tried at once.

    It is sent as soon as the webhook is enabled.
    """
    delivery = service().deliveries.retry(principal, chosen_device(query, body), delivery_id)
    return {"message": "the event is sent again", "delivery": delivery}


@blueprint.route("/webhook/deliveries/retry", methods=["POST"])
@tenant_token_required
@blueprint.arguments(DeviceChoice, location="query")
@blueprint.arguments(schemas.RetryAfterRequest, example={"after": 42})
@blueprint.errors(
    *TOKEN, *KEYED, *BODY, *CHOICE, ErrorCode.WEBHOOK_NOT_FOUND, ErrorCode.CURSOR_EXPIRED
)
@blueprint.response(200, schemas.RetryAfterAnswer, example=examples.RETRIED_AFTER)
def retry_after(
    principal: Principal, query: dict[str, Any], body: dict[str, Any]
) -> dict[str, Any]:
    """Send every event behind a sequence again, in order, with their old ids.

    For a receiver that has lost something: the sequence is the last one that it has.
    """
    device_id = chosen_device(query, body)
    count = service().deliveries.retry_after(principal, device_id, body["after"])
    return {"message": "the events are sent again", "count": count}
