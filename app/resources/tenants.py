"""Routes of tenants."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from app.api import BODY, TOKEN, Blueprint
from app.auth import master_token_required
from app.context import service
from app.examples.tenants import REGISTERED
from schemas.tenants import RegisterAnswer, RegisterRequest
from sessions.errors import ErrorCode

blueprint = Blueprint("tenants", __name__, description="Tenants, for the platform's owner")

NOTE = "keep the token: it is shown this once"


@blueprint.route("/register", methods=["POST"])
@master_token_required
@blueprint.arguments(
    RegisterRequest, example={"tenant_name": "Example Ltd", "email": "admin@example.com"}
)
@blueprint.errors(*TOKEN, *BODY, ErrorCode.TENANT_EXISTS, ErrorCode.USER_EXISTS)
@blueprint.response(201, RegisterAnswer, example=REGISTERED)
def register(body: dict[str, Any]) -> dict[str, Any]:
    """Make a tenant with its first user, who is its admin. Needs the platform's master token."""
    made = service().tenants.register(body["tenant_name"], body["email"])
    return {
        "user": {**asdict(made.user), "token": made.token},
        "tenant": made.tenant,
        "token": made.token,
        "webhook_configured": False,
        "note": NOTE,
    }
