"""Routes of the users of a tenant."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from app.api import BODY, COMMAND, KEYED, TOKEN, Blueprint
from app.audit import note_target
from app.auth import tenant_token_required
from app.context import request_deadline, service
from app.examples import users as examples
from app.paging import read_page, show_page
from schemas import users as schemas
from schemas.base import EmptyRequest, MessageAnswer, PageQuery
from sessions.authority import UserChanges
from sessions.errors import ErrorCode
from sessions.principals import Principal, Role

blueprint = Blueprint("users", __name__, description="Users of the tenant")

NOTE = "keep the token: it is shown this once"


@blueprint.route("/users", methods=["POST"])
@tenant_token_required
@blueprint.arguments(
    schemas.CreateUserRequest, example={"email": "clerk@example.com", "role": "user"}
)
@blueprint.errors(*TOKEN, *KEYED, *BODY, ErrorCode.USER_EXISTS)
@blueprint.response(201, schemas.CreateUserAnswer, example=examples.CREATED)
def create_user(principal: Principal, body: dict[str, Any]) -> dict[str, Any]:
    """Make a user with a token. Only for admins."""
    url = body.get("webhook_url")
    made = service().users.create(
        principal, body["email"], role=Role(body["role"]), webhook_url=url
    )
    note_target(made.user.id)
    user = {**asdict(made.user), "token": made.token}
    configured = {"webhook_configured": url is not None, "webhook_url": url}
    return {"user": user, **configured, "note": NOTE}


@blueprint.route("/users", methods=["GET"])
@tenant_token_required
@blueprint.arguments(PageQuery, location="query")
@blueprint.errors(*TOKEN, ErrorCode.VALIDATION_ERROR)
@blueprint.response(200, schemas.UsersAnswer, example=examples.LISTED)
def list_users(principal: Principal, query: dict[str, Any]) -> dict[str, Any]:
    """List the users of the tenant. For admins and managers."""
    page = read_page(query, name="users", owner=principal.tenant_id)
    found = service().users.list(principal, page)
    return show_page(found, name="users", owner=principal.tenant_id)


@blueprint.route("/users/<user_id>", methods=["GET"])
@tenant_token_required
@blueprint.errors(*TOKEN, ErrorCode.USER_NOT_FOUND)
@blueprint.response(200, schemas.UserAnswer, example=examples.SHOWN)
def show_user(principal: Principal, user_id: str) -> dict[str, Any]:
    """Show a user: admins and managers see everybody of the tenant, others themselves."""
    return {"data": service().users.find(principal, user_id)}


@blueprint.route("/users/<user_id>", methods=["PUT"])
@tenant_token_required
@blueprint.arguments(schemas.UpdateUserRequest, example={"active": False})
@blueprint.errors(
    *TOKEN, *KEYED, *BODY, ErrorCode.USER_NOT_FOUND, ErrorCode.USER_EXISTS, ErrorCode.LAST_ADMIN
)
@blueprint.response(200, MessageAnswer, example=examples.UPDATED)
def update_user(principal: Principal, body: dict[str, Any], user_id: str) -> dict[str, Any]:
    """Change a user. Managers set `active` of plain users, admins everything; nobody himself."""
    role = Role(body["role"]) if "role" in body else None
    changes = UserChanges(email=body.get("email"), role=role, active=body.get("active"))
    service().users.update(principal, user_id, changes=changes)
    return {"message": "user updated"}


@blueprint.route("/users/<user_id>", methods=["DELETE"])
@tenant_token_required
@blueprint.errors(
    *TOKEN,
    *KEYED,
    *COMMAND,
    ErrorCode.DEVICE_NOT_READY,
    ErrorCode.USER_NOT_FOUND,
    ErrorCode.LAST_ADMIN,
)
@blueprint.response(200, MessageAnswer, example=examples.DELETED)
def delete_user(principal: Principal, user_id: str) -> dict[str, Any]:
    """Unlink a user's devices and erase everything of the user. Only for admins.

    The user's tokens stop working at once, also when the answer is an error.
    """
    service().users.delete(principal, user_id, deadline=request_deadline())
    return {"message": "user deleted"}


@blueprint.route("/users/<user_id>/promote", methods=["POST"])
@tenant_token_required
@blueprint.arguments(schemas.PromoteRequest, example={"new_role": "manager"})
@blueprint.errors(*TOKEN, *KEYED, *BODY, ErrorCode.USER_NOT_FOUND)
@blueprint.response(200, schemas.PromotionAnswer, example=examples.PROMOTED)
def promote_user(principal: Principal, body: dict[str, Any], user_id: str) -> dict[str, Any]:
    """Give a user a role above the present one. Managers make users managers, admins anything."""
    role = Role(body["new_role"])
    return {"data": service().users.promote(principal, user_id, role=role)}


@blueprint.route("/users/<user_id>/token", methods=["POST"])
@tenant_token_required
@blueprint.arguments(EmptyRequest, required=False, example={})
@blueprint.errors(*TOKEN, *KEYED, *BODY, ErrorCode.USER_NOT_FOUND)
@blueprint.response(200, schemas.FirstTokenAnswer, example=examples.ROTATED)
def rotate_token(principal: Principal, body: dict[str, Any], user_id: str) -> dict[str, Any]:  # noqa: ARG001
    """Replace a user's first token: one's own, or as admin anybody's. The old one stops at once."""
    made = service().users.rotate_token(principal, user_id)
    return {"data": {"user_id": made.token.user_id, "token": made.text}, "note": NOTE}
