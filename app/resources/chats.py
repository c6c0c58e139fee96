"""Routes of chats."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from app.api import APP_STATE, BODY, COMMAND, DEVICE, KEYED, LINK, TOKEN, Blueprint
from app.auth import tenant_token_required
from app.context import request_deadline, service
from app.examples import chats as examples
from app.paging import read_page, show_page
from app.parsing import chosen_device
from app.queries import refuse_unknown
from schemas import chats as schemas
from schemas.base import DeviceChoice, EmptyRequest
from schemas.chat_list import ChatAnswer, ChatsAnswer, ChatsQuery
from sessions.chat_list import ChatQuery, ChatType
from sessions.errors import ErrorCode
from sessions.principals import Principal
from sessions.store.chat_pages import ChatFilter
from sessions.times import to_milliseconds

blueprint = Blueprint("chats", __name__, description="Chats of a device's account")

CHAT_JID = {
    "name": "chat_jid",
    "in": "path",
    "required": True,
    "schema": {"type": "string"},
    "example": examples.CHAT,
    "description": "`…@s.whatsapp.net`, `…@g.us`, `…@lid`, or a plain phone number.",
}
READ = (*TOKEN, *DEVICE, ErrorCode.VALIDATION_ERROR, ErrorCode.DEVICE_NOT_LINKED)
CHANGE = (*TOKEN, *KEYED, *DEVICE, *LINK, *APP_STATE, *COMMAND)
"""What a change of how chats are kept may be answered."""


@blueprint.route("/chats", methods=["GET"])
@tenant_token_required
@blueprint.arguments(ChatsQuery, location="query")
@blueprint.errors(*READ, ErrorCode.CURSOR_EXPIRED)
@blueprint.response(200, ChatsAnswer, example=examples.LISTED)
def list_chats(principal: Principal, query: dict[str, Any]) -> dict[str, Any]:
    """List the account's chats, saved contacts and groups, as they are known here.

    It answers also while the device is offline. Pages of one list belong together: chats that move
    while it is read are neither lost nor repeated; new ones are not in it. A list can be read on
    for an hour.
    """
    refuse_unknown(ChatsQuery)
    chats = service().chat_list
    device = chats.choose(principal, chosen_device(query))
    wanted = build_filter(query)
    owner = f"{device.id}:{wanted!r}"
    page = read_page({"limit": None, **query}, name="chats", owner=owner)
    found = chats.list(device, ChatQuery(wanted, page.limit, page.after))
    shown = show_page(found.page, name="chats", owner=owner)
    removed = {} if found.removed is None else {"removed": found.removed}
    return {**shown, "sync": "complete" if found.is_complete else "syncing", **removed}


def build_filter(query: dict[str, Any]) -> ChatFilter:
    """Return which chats a parsed query asks for."""
    since = query.get("updated_since")
    return ChatFilter(
        archived=query.get("archived"),
        pinned=query.get("pinned"),
        muted=query.get("muted"),
        is_group=None if "type" not in query else query["type"] == ChatType.GROUP,
        query=query.get("q"),
        updated_since=None if since is None else to_milliseconds(since),
    )


@blueprint.route("/chats/<chat_jid>", methods=["GET"], parameters=[CHAT_JID])
@tenant_token_required
@blueprint.arguments(DeviceChoice, location="query")
@blueprint.errors(*READ, ErrorCode.CHAT_NOT_FOUND)
@blueprint.response(200, ChatAnswer, example=examples.SHOWN)
def show_chat(principal: Principal, query: dict[str, Any], chat_jid: str) -> dict[str, Any]:
    """Show one chat, as it is known here."""
    chats = service().chat_list
    return {"chat": chats.show(chats.choose(principal, chosen_device(query)), chat_jid)}


@blueprint.route("/chats/<chat_jid>/archive", methods=["POST"], parameters=[CHAT_JID])
@tenant_token_required
@blueprint.arguments(DeviceChoice, location="query")
@blueprint.arguments(schemas.ArchiveRequest, example={"archived": True})
@blueprint.errors(*CHANGE, *BODY)
@blueprint.response(200, schemas.ArchiveAnswer, example=examples.ARCHIVED)
def archive(
    principal: Principal, query: dict[str, Any], body: dict[str, Any], chat_jid: str
) -> dict[str, Any]:
    """Archive a chat, or bring it back.

    200 means that WhatsApp has accepted the change. Archiving also unpins. An archived chat is
    archived again when asked, for the phone may have brought it back by itself. Messages are not
    kept here, so WhatsApp may bring the chat back when the next one arrives.
    """
    used = service().chats.archive(
        principal,
        chat_jid,
        archived=body["archived"],
        last_message_timestamp=body.get("last_message_timestamp"),
        device_id=chosen_device(query, body),
        deadline=request_deadline(),
    )
    return {"chat_jid": used, "archived": body["archived"]}


@blueprint.route("/chats/archive", methods=["POST"])
@tenant_token_required
@blueprint.arguments(DeviceChoice, location="query")
@blueprint.arguments(
    schemas.ArchiveManyRequest,
    example={"archived": True, "chat_jids": [examples.CHAT, examples.OTHER]},
)
@blueprint.errors(*CHANGE, *BODY)
@blueprint.response(200, schemas.ArchiveManyAnswer, example=examples.ARCHIVED_MANY)
def archive_many(
    principal: Principal, query: dict[str, Any], body: dict[str, Any]
) -> dict[str, Any]:
    """Archive up to 500 chats, or bring them back, with a result for each in the same order.

    Nothing is sent when a JID is wrong. What is wrong with the device, and so with every chat, is
    answered as such. A chat that is named twice is changed once.
    """
    outcomes = service().chats.archive_many(
        principal,
        body["chat_jids"],
        archived=body["archived"],
        device_id=chosen_device(query, body),
        deadline=request_deadline(),
    )
    results = [
        {
            "chat_jid": outcome.chat_jid,
            "success": outcome.error is None,
            "error_code": None if outcome.error is None else outcome.error.code,
        }
        for outcome in outcomes
    ]
    failed = sum(not result["success"] for result in results)
    return {
        "archived": body["archived"],
        "results": results,
        "count": len(results),
        "failed": failed,
    }


@blueprint.route("/chats/<chat_jid>/mute", methods=["POST"], parameters=[CHAT_JID])
@tenant_token_required
@blueprint.arguments(DeviceChoice, location="query")
@blueprint.arguments(schemas.MuteRequest, example={"muted": True, "duration_seconds": 28800})
@blueprint.errors(*CHANGE, *BODY)
@blueprint.response(200, schemas.MuteAnswer, example=examples.MUTED)
def mute(
    principal: Principal, query: dict[str, Any], body: dict[str, Any], chat_jid: str
) -> dict[str, Any]:
    """Mute a chat, for a time or for ever, or unmute it; then a duration means nothing."""
    seconds = body.get("duration_seconds") if body["muted"] else None
    used = service().chats.mute(
        principal,
        chat_jid,
        muted=body["muted"],
        duration=None if seconds is None else timedelta(seconds=seconds),
        device_id=chosen_device(query, body),
        deadline=request_deadline(),
    )
    return {"chat_jid": used, "muted": body["muted"], "duration_seconds": seconds}


@blueprint.route("/chats/<chat_jid>/pin", methods=["POST"], parameters=[CHAT_JID])
@tenant_token_required
@blueprint.arguments(DeviceChoice, location="query")
@blueprint.arguments(EmptyRequest, required=False, example={})
@blueprint.errors(*CHANGE, *BODY)
@blueprint.response(200, schemas.PinAnswer, example=examples.PINNED)
def pin(
    principal: Principal, query: dict[str, Any], body: dict[str, Any], chat_jid: str
) -> dict[str, Any]:
    """Pin a chat. Pinning also brings it back from the archive."""
    return _pin(principal, chat_jid, pinned=True, device_id=chosen_device(query, body))


@blueprint.route("/chats/<chat_jid>/pin", methods=["DELETE"], parameters=[CHAT_JID])
@tenant_token_required
@blueprint.arguments(DeviceChoice, location="query")
@blueprint.errors(*CHANGE)
@blueprint.response(200, schemas.PinAnswer, example=examples.UNPINNED)
def unpin(principal: Principal, query: dict[str, Any], chat_jid: str) -> dict[str, Any]:
    """Unpin a chat."""
    return _pin(principal, chat_jid, pinned=False, device_id=chosen_device(query))


@blueprint.route("/chats/<chat_jid>/read", methods=["POST"], parameters=[CHAT_JID])
@tenant_token_required
@blueprint.arguments(DeviceChoice, location="query")
@blueprint.arguments(schemas.ReadRequest, example={"read": True})
@blueprint.errors(*CHANGE, *BODY)
@blueprint.response(200, schemas.ReadAnswer, example=examples.MARKED)
def mark(
    principal: Principal, query: dict[str, Any], body: dict[str, Any], chat_jid: str
) -> dict[str, Any]:
    """Mark a chat as read or unread. Its senders are not told: no read receipts are sent."""
    used = service().chats.mark(
        principal,
        chat_jid,
        read=body["read"],
        last_message_timestamp=body.get("last_message_timestamp"),
        device_id=chosen_device(query, body),
        deadline=request_deadline(),
    )
    return {"chat_jid": used, "read": body["read"]}


def _pin(
    principal: Principal, chat_jid: str, *, pinned: bool, device_id: str | None
) -> dict[str, Any]:
    used = service().chats.pin(
        principal, chat_jid, pinned=pinned, device_id=device_id, deadline=request_deadline()
    )
    return {"chat_jid": used, "pinned": pinned}
