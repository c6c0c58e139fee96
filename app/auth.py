"""From the Authorization header to a principal, and decorators that say who may call."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from copy import deepcopy
from functools import partial, wraps
from typing import Any, Protocol, TypeVar

import structlog
from flask import g, request
from flask_smorest import Blueprint

from app.access import PLATFORM, TENANT, Keyed
from app.audit import begin_act
from app.clients import find_origin
from app.context import context
from app.idempotency import PARAMETER, REPLAYED, REPLAYED_HEADER, answer_once
from sessions.errors import Forbidden, NotFound, Unauthorized
from sessions.principals import Principal

View = Callable[..., Any]
T = TypeVar("T")

MASTER_KEY = "master"
TRUST_SECONDS = 1.0
"""For so long a token that was found good is taken for good."""


class Tokens(Protocol):
    """Who knows the tokens of tenants."""

    def authenticate(self, text: str) -> Principal:
        """Return the principal of a token; raises Unauthorized."""
        ...


class MasterToken:
    """The platform's token, known once the data directory is owned."""

    def __init__(self) -> None:
        self._text: str | None = None
        self._digest = b""
        self._log_key = b""

    def set(self, text: str) -> None:
        """Learn the token."""
        self._text = text
        self._digest = _digest(text)
        self._log_key = self.derive_key("log")

    def forget(self) -> None:
        """Know no token; nothing matches it then."""
        self._text = None
        self._log_key = b""

    def matches(self, text: str) -> bool:
        """Compare in constant time."""
        return self._text is not None and hmac.compare_digest(_digest(text), self._digest)

    def derive_key(self, purpose: str) -> bytes:
        """Derive a key that tells nothing about the token, for one purpose."""
        return hmac.digest((self._text or "").encode(), purpose.encode(), "sha256")

    @property
    def log_key(self) -> bytes:
        """The key for "log", at hand: every request's line needs it."""
        return self._log_key


class Authenticator:
    """Tells tenants' tokens and the platform's token apart."""

    def __init__(self, tokens: Tokens, master: MasterToken) -> None:
        self._tokens = tokens
        self._master = master

    def principal(self, header: str | None) -> Principal:
        """Return who presents a tenant's token; raises Unauthorized or Forbidden."""
        text = read_token(header)
        if self._master.matches(text):
            raise Forbidden("the master token does not act inside a tenant")
        return self._tokens.authenticate(text)

    def require_master(self, header: str | None) -> None:
        """Accept the master token alone; raises Unauthorized or Forbidden."""
        text = read_token(header)
        if not self._master.matches(text):
            self._tokens.authenticate(text)
            raise Forbidden("this needs the platform's master token")


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def read_token(header: str | None) -> str:
    """Read `Bearer <token>`, its scheme in any case, or a bare token; raises Unauthorized."""
    words = (header or "").split()
    if len(words) == 2 and words[0].lower() == "bearer":
        return words[1]
    if len(words) == 1 and words[0].lower() != "bearer":
        return words[0]
    raise Unauthorized


def admit(check: Callable[[str | None], T]) -> T:
    """Check the request's token. Too many failures from one address raise RateLimited.

    A good token is let in whatever else comes from its address: tokens are too long to be guessed,
    and those who share a proxy must not be able to lock each other out.
    """
    try:
        return check(request.headers.get("Authorization"))
    except Unauthorized:
        origin = find_origin(request, context().settings.trusted_proxies)
        context().limits.failures.take(origin)
        raise


def keep_asking() -> Callable[[], Principal]:
    """Return what says whose the request's token is, also when the view has long returned.

    It raises Unauthorized once the token was revoked or has expired.
    """
    return partial(context().authenticator.principal, request.headers.get("Authorization"))


def require_metrics_token() -> None:
    """Accept the token of those who read metrics alone. Raises NotFound when there is none."""
    expected = context().settings.metrics_token
    if expected is None:
        raise NotFound

    def check(header: str | None) -> None:
        if not hmac.compare_digest(_digest(read_token(header)), _digest(expected)):
            raise Unauthorized

    admit(check)


def tenant_token_required(view: View) -> View:
    """Let users of a tenant call the view, as far as `app.access` lets them.

    The view gets the principal as its first argument.
    """
    access = TENANT[_endpoint(view)]

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        principal = admit(context().authenticator.principal)
        context().limits.requests.take(principal.token_id)
        structlog.contextvars.bind_contextvars(
            tenant_id=principal.tenant_id, user_id=principal.user_id
        )
        begin_act(access.action, principal, often=access.often)
        access.check(principal)
        act = partial(view, principal, *args, **kwargs)
        if access.keyed is not Keyed.NO:
            return answer_once(principal, act, names_device=access.keyed is Keyed.ON_DEVICE)
        answer = act()
        if access.action is None and time.monotonic() - g.started > TRUST_SECONDS:
            # It waited for news meanwhile, which is not for a token that was revoked meanwhile.
            admit(context().authenticator.principal)
        return answer

    scopes = [] if access.scope is None else [access.scope.value]
    if access.keyed is not Keyed.NO:
        _document_key(wrapper)
    return _documented(wrapper, security=[{"token": scopes}])


def master_token_required(view: View) -> View:
    """Let only the platform's owner call the view."""
    action = PLATFORM[_endpoint(view)]

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        admit(context().authenticator.require_master)
        context().limits.requests.take(MASTER_KEY)
        begin_act(action, None)
        if action is None:
            return view(*args, **kwargs)
        return answer_once(None, partial(view, *args, **kwargs), names_device=False)

    if action is not None:
        _document_key(wrapper)
    return _documented(wrapper, security=[{"master_token": []}])


def _endpoint(view: View) -> str:
    # A blueprint has the name of its module, and a view's endpoint is its own name.
    return f"{view.__module__.rpartition('.')[2]}.{view.__name__}"


def _document_key(view: Any) -> None:
    """Document the key among an operation's parameters, and the replay's header on its answers."""
    document = view._apidoc = deepcopy(view._apidoc)
    document.setdefault("arguments", {}).setdefault("parameters", []).append(PARAMETER)
    for status in document["success_status_codes"]:
        for answer in document["response"]["responses"][status]:
            answer["headers"] = {**answer.get("headers", {}), REPLAYED: REPLAYED_HEADER}


def _documented(view: Any, **document: Any) -> View:
    view._apidoc = Blueprint.doc(**document)(view)._apidoc
    found: View = view
    return found
