"""Routes of devices: making, linking, watching, connecting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response

from app.api import BODY, COMMAND, DEVICE, KEYED, LINK, TOKEN, Blueprint
from app.auth import tenant_token_required
from app.context import request_deadline, service
from app.examples import devices as examples
from app.paging import read_page, show_page
from app.parsing import chosen_device
from app.qr import represent, seconds_until
from schemas import devices as schemas
from schemas.base import DeviceChoice, EmptyRequest, PageQuery
from sessions.deadline import Deadline
from sessions.errors import ErrorCode
from sessions.principals import Principal

blueprint = Blueprint("devices", __name__, description="Devices: linking, status, connection")

FRESH = ("refresh", "force_refresh", "force_new")
REUSED = ("reuse_cache", "reuse", "use_cache", "cached")
PICTURE = {"type": "string", "format": "binary"}
TEXT = {"type": "string"}
INSTRUCTIONS = (
    "On the phone: Settings → Linked devices → Link a device → Link with phone number instead."
    " Type the code there."
)
LOGOUT_CONFIRMED = "logged out"
LOGOUT_UNCONFIRMED = (
    "the keys are erased, but WhatsApp could not be told: remove the device on the phone, too"
)


def wants_fresh(asked: Mapping[str, Any]) -> bool:
    """Tell whether a new code is wanted, in any of the published words for it."""
    return any(asked.get(name) is True for name in FRESH) or any(
        asked.get(name) is False for name in REUSED
    )


@blueprint.route("/devices", methods=["POST"])
@tenant_token_required
@blueprint.arguments(schemas.CreateDeviceRequest, example={"name": "Front desk"})
@blueprint.errors(*TOKEN, *KEYED, *BODY, ErrorCode.QUOTA_EXCEEDED)
@blueprint.response(201, schemas.CreateDeviceAnswer, example=examples.CREATED)
def create_device(principal: Principal, body: dict[str, Any]) -> dict[str, Any]:
    """Make a device. It is not linked to an account yet: `GET /qr` does that."""
    device = service().devices.create(principal, body["name"])
    return {"message": "device created", "device": device, "data": device}


@blueprint.route("/devices", methods=["GET"])
@tenant_token_required
@blueprint.arguments(PageQuery, location="query")
@blueprint.errors(*TOKEN, ErrorCode.VALIDATION_ERROR)
@blueprint.response(200, schemas.DevicesAnswer, example=examples.LISTED)
def list_devices(principal: Principal, query: dict[str, Any]) -> dict[str, Any]:
    """List one's devices; admins and managers see every device of the tenant."""
    page = read_page(query, name="devices", owner=principal.user_id)
    found = service().devices.list(principal, page)
    return show_page(found, name="devices", owner=principal.user_id)


@blueprint.route("/user/devices", methods=["GET"])
@tenant_token_required
@blueprint.arguments(PageQuery, location="query")
@blueprint.errors(*TOKEN, ErrorCode.VALIDATION_ERROR)
@blueprint.response(200, schemas.OwnDevicesAnswer, example=examples.OWN)
def list_own_devices(principal: Principal, query: dict[str, Any]) -> dict[str, Any]:
    """List one's own devices, whatever one's role is."""
    page = read_page(query, name="devices", owner=principal.user_id)
    found = service().devices.list_own(principal, page)
    shown = show_page(found, name="devices", owner=principal.user_id)
    return {"data": {**shown, "user_id": principal.user_id}}


@blueprint.route("/devices/<device_id>", methods=["DELETE"])
@tenant_token_required
@blueprint.arguments(schemas.DeleteDeviceQuery, location="query")
@blueprint.errors(
    *TOKEN, *KEYED, *COMMAND, *DEVICE, ErrorCode.VALIDATION_ERROR, ErrorCode.DEVICE_NOT_READY
)
@blueprint.response(200, schemas.DeleteDeviceAnswer, example=examples.DELETED)
def delete_device(principal: Principal, query: dict[str, Any], device_id: str) -> dict[str, Any]:
    """Take a device offline and keep its pairing; with `purge` unlink and erase it.

    Purging erases the keys and everything that is known of the device, also when WhatsApp could not
    be told: `unlinked` is false then, and the device has to be removed on the phone, too.
    """
    chosen = chosen_device(query, {"device_id": device_id})
    if not query["purge"]:
        service().devices.disconnect(principal, chosen, deadline=request_deadline())
        return {"message": "disconnected; the device stays linked"}
    done = service().devices.purge(principal, chosen, deadline=request_deadline())
    return {"message": "device erased", "unlinked": done.unlinked}


@blueprint.route("/qr", methods=["GET"], head=False)
@tenant_token_required
@blueprint.arguments(schemas.QRQuery, location="query")
@blueprint.errors(
    *TOKEN,
    *DEVICE,
    *LINK,
    *COMMAND,
    ErrorCode.VALIDATION_ERROR,
    ErrorCode.DEVICE_ALREADY_LINKED,
    ErrorCode.QUOTA_EXCEEDED,
)
@blueprint.alt_response(200, schema=TEXT, content_type="text/plain", success=True)
@blueprint.alt_response(200, schema=PICTURE, content_type="image/svg+xml", success=True)
@blueprint.alt_response(200, schema=PICTURE, content_type="image/png", success=True)
@blueprint.response(200, schemas.QRAnswer, example=examples.QR)
def show_qr(principal: Principal, query: dict[str, Any]) -> Response | dict[str, Any]:
    """Give a QR code that links the device when the phone scans it.

    `Accept` chooses between JSON, PNG, SVG and a drawing for a terminal. A user without a device
    gets one named "default". A code that waits to be typed goes on beside it, unless a fresh one is
    asked for. Pairing stops three minutes after the last look at it.
    """
    qr = service().devices.qr(
        principal,
        chosen_device(query),
        refresh=wants_fresh(query),
        deadline=request_deadline(),
    )
    return represent(qr)


@blueprint.route("/paircode", methods=["POST"])
@tenant_token_required
@blueprint.arguments(DeviceChoice, location="query")
@blueprint.arguments(schemas.PairCodeRequest, example={"phone": "+1 555 010 0001"})
@blueprint.errors(
    *TOKEN,
    *BODY,
    *DEVICE,
    *LINK,
    *COMMAND,
    ErrorCode.DEVICE_ALREADY_LINKED,
    ErrorCode.QUOTA_EXCEEDED,
)
@blueprint.response(200, schemas.PairCodeAnswer, example=examples.PAIR_CODE)
def show_pair_code(
    principal: Principal, query: dict[str, Any], body: dict[str, Any]
) -> dict[str, Any]:
    """Give a code that links the device when it is typed into the phone with that number.

    Asked again it is the same code, as long as it counts; one for another number is given only with
    `refresh`. A QR code that was on show before no longer counts. A user without a device gets one
    named "default". Pairing stops three minutes after the last look at it.
    """
    made = service().devices.pair_code(
        principal,
        chosen_device(query, body),
        phone=body["phone"],
        refresh=wants_fresh(body),
        deadline=request_deadline(),
    )
    return {
        "data": {
            "code": made.code,
            "phone": made.phone,
            "expires_in": seconds_until(made.expires_at),
            "cached": made.cached,
            "instructions": INSTRUCTIONS,
        }
    }


@blueprint.route("/qr/status", methods=["GET"])
@tenant_token_required
@blueprint.arguments(schemas.WaitQuery, location="query")
@blueprint.errors(*TOKEN, *DEVICE, *COMMAND, ErrorCode.VALIDATION_ERROR)
@blueprint.response(200, schemas.PairingAnswer, example=examples.PAIRING)
def show_pairing(principal: Principal, query: dict[str, Any]) -> dict[str, Any]:
    """Tell how far the linking of the device has come; `wait` waits for a change."""
    wait = Deadline.after(query["wait"])
    return {"data": service().devices.pairing(principal, chosen_device(query), wait=wait)}


@blueprint.route("/status", methods=["GET"])
@tenant_token_required
@blueprint.arguments(schemas.StatusQuery, location="query")
@blueprint.errors(*TOKEN, *DEVICE, ErrorCode.VALIDATION_ERROR)
@blueprint.response(200, schemas.StatusAnswer, example=examples.STATUS)
def show_status(principal: Principal, query: dict[str, Any]) -> dict[str, Any]:
    """Tell how the device is; `wait` waits for a change. Without any device it is `new`."""
    state = service().devices.status(
        principal,
        chosen_device(query),
        wait=Deadline.after(query["wait"]),
        until_connected=query.get("until") == "connected",
    )
    return {"data": state}


@blueprint.route("/connect", methods=["POST"])
@tenant_token_required
@blueprint.arguments(DeviceChoice, location="query")
@blueprint.arguments(EmptyRequest, required=False, example={})
@blueprint.errors(*TOKEN, *BODY, *DEVICE, *LINK, *COMMAND)
@blueprint.response(200, schemas.ConnectAnswer, example=examples.CONNECTED)
def connect(principal: Principal, query: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """Bring the device online and keep it there. `needs_qr`: it has to be linked first."""
    device_id = chosen_device(query, body)
    return {"data": service().devices.connect(principal, device_id, deadline=request_deadline())}


@blueprint.route("/disconnect", methods=["POST"])
@tenant_token_required
@blueprint.arguments(DeviceChoice, location="query")
@blueprint.arguments(EmptyRequest, required=False, example={})
@blueprint.errors(*TOKEN, *BODY, *DEVICE, *LINK, *COMMAND)
@blueprint.response(200, schemas.DeviceMessageAnswer, example=examples.DISCONNECTED)
def disconnect(principal: Principal, query: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """Take the device offline. It stays linked, and `POST /connect` brings it back."""
    device_id = chosen_device(query, body)
    done = service().devices.disconnect(principal, device_id, deadline=request_deadline())
    return {"data": {"message": "disconnected", "device_id": done.device_id}}


@blueprint.route("/logout", methods=["POST"])
@tenant_token_required
@blueprint.arguments(DeviceChoice, location="query")
@blueprint.arguments(EmptyRequest, required=False, example={})
@blueprint.errors(*TOKEN, *BODY, *DEVICE, *LINK, *COMMAND)
@blueprint.response(200, schemas.DeviceMessageAnswer, example=examples.LOGGED_OUT)
def logout(principal: Principal, query: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """Unlink the device from its account and erase its keys. Linking again needs a new QR code."""
    device_id = chosen_device(query, body)
    done = service().devices.logout(principal, device_id, deadline=request_deadline())
    message = LOGOUT_CONFIRMED if done.unlinked else LOGOUT_UNCONFIRMED
    return {"data": {"message": message, "device_id": done.device_id}}
