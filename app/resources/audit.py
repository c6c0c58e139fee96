"""The route of the audit log."""

from __future__ import annotations

from typing import Any

from app.api import TOKEN, Blueprint
from app.auth import tenant_token_required
from app.context import service
from app.examples import audit as examples
from app.paging import read_page, show_page
from schemas.audit import AuditAnswer
from schemas.base import PageQuery
from sessions.errors import ErrorCode
from sessions.principals import Principal

blueprint = Blueprint("audit", __name__, description="Who did what in the tenant")


@blueprint.route("/audit", methods=["GET"])
@tenant_token_required
@blueprint.arguments(PageQuery, location="query")
@blueprint.errors(*TOKEN, ErrorCode.VALIDATION_ERROR)
@blueprint.response(200, AuditAnswer, example=examples.LISTED)
def list_audit(principal: Principal, query: dict[str, Any]) -> dict[str, Any]:
    """List every write of the tenant's users, the newest first: ids only. For admins.

    Changes of chats are written in batches and show up within a second.
    """
    page = read_page(query, name="entries", owner=principal.tenant_id)
    found = service().audit.list(principal, page)
    return show_page(found, name="entries", owner=principal.tenant_id)
