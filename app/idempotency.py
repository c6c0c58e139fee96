"""The `Idempotency-Key` header: which request it stands for, and how a kept answer is replayed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from flask import Response, g, make_response, request

from app.context import service
from app.parsing import read_body
from sessions.errors import InvalidInput, Problem, ServiceError
from sessions.principals import Principal
from sessions.store.idempotency import Attempt, KeptAnswer

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
KEY = re.compile(r"[ -~]{1,255}")
PLATFORM = "master"
SECRETS = frozenset({"token", "text"})
"""Members of answers that are kept nowhere: tokens, and what is written to callers."""

PARAMETER = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    "description": "Repeating a successful request with its key within 24 hours gives its answer"
    f" again, with `{REPLAYED}: true` and without secrets, and does nothing.",
}
REPLAYED_HEADER = {
    "description": "The answer of an earlier request with this `Idempotency-Key`.",
    "schema": {"type": "string", "enum": ["true"]},
}


def answer_once(principal: Principal | None, view: Callable[[], Any], *, names_device: bool) -> Any:
    """Run the view, unless the request has a key under which its answer is kept.

    `principal` None is the platform's owner. `names_device`: the device that the request acts on,
    though it may not name it, is part of what it asks for.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return view()
    if not KEY.fullmatch(key):
        raise InvalidInput([Problem(HEADER, "Must be 1 to 255 printable ASCII characters.")])
    attempt = _build_attempt(key, principal, names_device=names_device)
    kept = service().idempotency.begin(attempt)
    return _run(attempt, view) if kept is None else _replay(kept)


def _run(attempt: Attempt, view: Callable[[], Any]) -> Response:
    idempotency = service().idempotency
    try:
        response = make_response(view())
        answer = _build_answer(response)
    except BaseException:
        idempotency.free(attempt)
        raise
    # What the platform's owner makes belongs to the tenant that it is about.
    idempotency.keep(attempt, answer, tenant_id=attempt.tenant_id or g.get("target_id"))
    return response


def _replay(kept: KeptAnswer) -> Response:
    response = Response(kept.body, status=kept.status, content_type="application/json")
    response.headers[REPLAYED] = "true"
    return response


def _build_attempt(key: str, principal: Principal | None, *, names_device: bool) -> Attempt:
    if principal is None:
        return Attempt(PLATFORM, key, _fingerprint(None))
    device_id = _resolve_device(principal) if names_device else None
    return Attempt(
        principal.user_id,
        key,
        _fingerprint(device_id),
        tenant_id=principal.tenant_id,
        device_id=device_id,
    )


def _resolve_device(principal: Principal) -> str | None:
    """Return the device that the view will choose; None when it will refuse to choose one."""
    body = request.get_json(silent=True) if read_body(request) else None
    named = request.args.get("device_id") or (isinstance(body, dict) and body.get("device_id"))
    try:
        return service().devices.choose(principal, named if isinstance(named, str) else None).id
    except ServiceError:
        return None


def _fingerprint(device_id: str | None) -> bytes:
    parts = (
        request.method.encode(),
        request.path.encode(),
        request.query_string,
        (device_id or "").encode(),
        read_body(request),
    )
    # A body may hold secrets that could be guessed by trying.
    return service().vault.digest(b"".join(len(part).to_bytes(8, "big") + part for part in parts))


def _build_answer(response: Response) -> KeptAnswer:
    """Build what is kept of an answer. A view returns success; everything else it raises."""
    body = _without_secrets(json.loads(response.get_data()))
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return KeptAnswer(response.status_code, text.encode())


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_secrets(item) for name, item in value.items() if name not in SECRETS}
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    return value
