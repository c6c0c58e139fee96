"""Routes that say how the service is. They need no service."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from prometheus_client import CONTENT_TYPE_LATEST

from app.api import EXAMPLE_TIME, Blueprint
from app.auth import require_metrics_token
from app.context import context
from app.errors import answer_service_error, build_envelope
from app.lifecycle import State
from app.management import MANAGEMENT
from schemas.health import HealthAnswer, NotReady, ReadyAnswer
from sessions.errors import ErrorCode, ServiceError, ShuttingDown, StorageUnavailable

blueprint = Blueprint("health", __name__, description="Whether the service is well")

COMPONENTS = ("database", "bridge", "pump", "drain")


@blueprint.route("/healthz", methods=["GET"])
@blueprint.response(200, HealthAnswer, example={"success": True, "status": "ok"})
def show_health() -> dict[str, Any]:
    """Say that the process answers."""
    return {"status": "ok"}


@blueprint.route("/readyz", methods=["GET"])
@blueprint.alt_response(
    503,
    schema=NotReady,
    description="It starts, it stops, or a part is not well.",
    example={
        **build_envelope(StorageUnavailable("the service is starting"), now=EXAMPLE_TIME),
        "components": dict.fromkeys(COMPONENTS, "fail"),
    },
)
@blueprint.response(
    200,
    ReadyAnswer,
    example={"success": True, "status": "ready", "components": dict.fromkeys(COMPONENTS, "ok")},
)
def show_readiness() -> Response | dict[str, Any]:
    """Say whether requests are taken, and which part of the service is not well."""
    lifecycle = context().lifecycle
    running = lifecycle.state is State.RUNNING
    parts = context().service.readiness() if running else dict.fromkeys(COMPONENTS, False)
    components = {name: "ok" if well else "fail" for name, well in parts.items()}
    if running and all(parts.values()):
        return {"status": "ready", "components": components}
    return _not_ready(lifecycle.state, components)


@blueprint.route("/metrics", methods=["GET"])
@blueprint.errors(ErrorCode.NOT_FOUND, ErrorCode.UNAUTHORIZED, ErrorCode.RATE_LIMITED)
@blueprint.response(200, {"type": "string"}, content_type="text/plain")
def show_metrics() -> Response:
    """Measure the service, for Prometheus.

    The management listener answers everybody. Here it takes the token of `WUTS_METRICS_TOKEN`;
    without that setting there is nothing here.
    """
    if MANAGEMENT not in request.environ:
        require_metrics_token()
    return Response(context().service.metrics.render(), content_type=CONTENT_TYPE_LATEST)


def _not_ready(state: State, components: dict[str, str]) -> Response:
    error: ServiceError = StorageUnavailable("a part of the service is not well")
    if state in (State.CREATED, State.STARTING):
        error = StorageUnavailable("the service is starting", retry_after=1)
    elif state is State.STOPPING or components["drain"] == "fail":
        error = ShuttingDown()
    return answer_service_error(error, components=components)
