"""Routes of tenants."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from app.api import BODY, COMMAND, KEYED, TOKEN, Blueprint
from app.audit import note_target
from app.auth import master_token_required
from app.context import request_deadline, service
from app.examples import tenants as examples
from app.paging import read_page, show_page
from schemas import tenants as schemas
from schemas.base import EmptyRequest, PageQuery
from schemas.users import FirstTokenAnswer
from sessions.errors import ErrorCode

blueprint = Blueprint("tenants", __name__, description="Tenants, for the platform's owner")

NOTE = "keep the token: it is shown this once"


@blueprint.route("/register", methods=["POST"])
@master_token_required
@blueprint.arguments(
    schemas.RegisterRequest, example={"tenant_name": "Example Ltd", "email": "admin@example.com"}
)
@blueprint.errors(*TOKEN, *KEYED, *BODY, ErrorCode.TENANT_EXISTS, ErrorCode.USER_EXISTS)
@blueprint.response(201, schemas.RegisterAnswer, example=examples.REGISTERED)
def register(body: dict[str, Any]) -> dict[str, Any]:
    """Make a tenant with its first user, who is its admin. Needs the platform's master token."""
    url = body.get("webhook_url")
    made = service().tenants.register(body["tenant_name"], body["email"], webhook_url=url)
    note_target(made.tenant.id)
    return {
        "user": {**asdict(made.user), "token": made.token},
        "tenant": made.tenant,
        "token": made.token,
        "webhook_configured": url is not None,
        "webhook_url": url,
        "note": NOTE,
    }


@blueprint.route("/tenants", methods=["GET"])
@master_token_required
@blueprint.arguments(PageQuery, location="query")
@blueprint.errors(*TOKEN, ErrorCode.VALIDATION_ERROR)
@blueprint.response(200, schemas.TenantsAnswer, example=examples.LISTED)
def list_tenants(query: dict[str, Any]) -> dict[str, Any]:
    """List the tenants, oldest first. Needs the platform's master token."""
    found = service().tenants.list(read_page(query, name="tenants"))
    return show_page(found, name="tenants")


@blueprint.route("/global/tenants/<tenant_id>", methods=["GET"])
@master_token_required
@blueprint.errors(*TOKEN, ErrorCode.TENANT_NOT_FOUND)
@blueprint.response(200, schemas.TenantAnswer, example=examples.SHOWN)
def show_tenant(tenant_id: str) -> dict[str, Any]:
    """Show a tenant. Needs the platform's master token."""
    return {"data": service().tenants.find(tenant_id)}


@blueprint.route("/global/tenants/<tenant_id>", methods=["DELETE"])
@master_token_required
@blueprint.errors(*TOKEN, *KEYED, *COMMAND, ErrorCode.TENANT_NOT_FOUND, ErrorCode.DEVICE_NOT_READY)
@blueprint.response(200, schemas.TenantErasureAnswer, example=examples.DELETED)
def delete_tenant(tenant_id: str) -> dict[str, Any]:
    """Unlink all devices of a tenant and erase everything of it. Needs the master token.

    The tenant's tokens stop working at once, also when the answer is an error; repeat it then.
    """
    done = service().tenants.delete(tenant_id, deadline=request_deadline())
    return {"data": {"message": "tenant deleted", **asdict(done)}}


@blueprint.route("/global/tenants/<tenant_id>/admin-token", methods=["POST"])
@master_token_required
@blueprint.arguments(EmptyRequest, required=False, example={})
@blueprint.errors(*TOKEN, *KEYED, *BODY, ErrorCode.TENANT_NOT_FOUND)
@blueprint.response(200, FirstTokenAnswer, example=examples.RENEWED)
def renew_admin_token(body: dict[str, Any], tenant_id: str) -> dict[str, Any]:  # noqa: ARG001
    """Replace the first token of a tenant's oldest admin, who lost it. Needs the master token."""
    made = service().tenants.renew_admin_token(tenant_id)
    return {"data": {"user_id": made.token.user_id, "token": made.text}, "note": NOTE}
