"""Tells the audit log of every write: who made the request, and what came of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from flask import Flask, Response, g, request

from app.context import service
from sessions.principals import Principal
from sessions.store.audit import AuditEntry

SUCCESS = "success"
_TARGETS = ("tenant_id", "user_id", "token_id", "delivery_id")
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Act:
    """What an authenticated caller is about to do. `principal` None: the platform's owner."""

    action: str
    principal: Principal | None
    often: bool


def begin_act(action: str | None, principal: Principal | None, *, often: bool = False) -> None:
    """Remember who does what in the present request; what only reads has no action."""
    if action is not None:
        g.act = Act(action, principal, often)


def note_target(target_id: str) -> None:
    """Say which thing the present request has made; one that the path names need not be said."""
    g.target_id = target_id


def record(response: Response) -> Response:
    """Record the present request if it is a write of an authenticated caller."""
    act: Act | None = g.get("act")
    if act is None:
        return response
    entry = _build_entry(act)
    if act.often:
        service().audit.record_soon(entry)
    else:
        service().audit.record(entry)
    return response


def _build_entry(act: Act) -> AuditEntry:
    bound = structlog.contextvars.get_contextvars()
    path = request.view_args or {}
    target = g.get("target_id") or _path_id(path)
    principal = act.principal
    return AuditEntry(
        at=datetime.now(UTC),
        action=act.action,
        outcome=bound.get("error_code", SUCCESS),
        request_id=g.request_id,
        tenant_id=target if principal is None else principal.tenant_id,
        user_id=None if principal is None else principal.user_id,
        token_id=None if principal is None else principal.token_id,
        device_id=bound.get("device_id"),
        target_id=target,
    )


def _path_id(path: dict[str, str]) -> str | None:
    """Return the id that the path names, if it is one: nothing else is ever recorded."""
    named = [path[name].lower() for name in _TARGETS if name in path]
    return next(filter(ID.fullmatch, named), None)


def register_audit(app: Flask) -> None:
    """Record writes once their answers are made."""
    app.after_request(record)
