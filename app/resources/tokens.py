"""Routes of the tokens that users make for themselves."""

from __future__ import annotations

from typing import Any

from app.api import BODY, KEYED, TOKEN, Blueprint
from app.audit import note_target
from app.auth import tenant_token_required
from app.context import service
from app.examples import tokens as examples
from app.paging import read_page, show_page
from schemas import tokens as schemas
from schemas.base import MessageAnswer, PageQuery
from sessions.errors import ErrorCode
from sessions.principals import Principal, Scope

blueprint = Blueprint("tokens", __name__, description="Further tokens of the caller")

NOTE = "keep the token: it is shown this once"


@blueprint.route("/tokens", methods=["POST"])
@tenant_token_required
@blueprint.arguments(
    schemas.CreateTokenRequest, example={"name": "Archiver", "scopes": ["chats:write"]}
)
@blueprint.errors(*TOKEN, *KEYED, *BODY, ErrorCode.QUOTA_EXCEEDED)
@blueprint.response(201, schemas.CreateTokenAnswer, example=examples.CREATED)
def create_token(principal: Principal, body: dict[str, Any]) -> dict[str, Any]:
    """Make a further token, if wanted one that may less or that expires. At most 20 a user."""
    scopes = frozenset(Scope(scope) for scope in body["scopes"]) if "scopes" in body else None
    made = service().tokens.create(
        principal, body["name"], scopes=scopes, expires_at=body.get("expires_at")
    )
    note_target(made.token.id)
    return {"token": made.text, "data": made.token, "note": NOTE}


@blueprint.route("/tokens", methods=["GET"])
@tenant_token_required
@blueprint.arguments(PageQuery, location="query")
@blueprint.errors(*TOKEN, ErrorCode.VALIDATION_ERROR)
@blueprint.response(200, schemas.TokensAnswer, example=examples.LISTED)
def list_tokens(principal: Principal, query: dict[str, Any]) -> dict[str, Any]:
    """List the tokens that one has made, without their texts."""
    page = read_page(query, name="tokens", owner=principal.user_id)
    found = service().tokens.list(principal, page)
    return show_page(found, name="tokens", owner=principal.user_id)


@blueprint.route("/tokens/<token_id>", methods=["DELETE"])
@tenant_token_required
@blueprint.errors(*TOKEN, *KEYED, ErrorCode.TOKEN_NOT_FOUND)
@blueprint.response(200, MessageAnswer, example=examples.DELETED)
def delete_token(principal: Principal, token_id: str) -> dict[str, Any]:
    """Revoke a token that one has made. It stops working at once."""
    service().tokens.revoke(principal, token_id)
    return {"message": "token revoked"}
