"""The HTTP side of WUTS. `create_app` puts the parts together and starts none of them."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Any

from flask import Flask
from flask.json.provider import DefaultJSONProvider

from app.api import HeadlessRule, build_api
from app.audit import register_audit
from app.auth import Authenticator, MasterToken
from app.context import EXTENSION, Context, Limits
from app.errors import register_error_handlers
from app.lifecycle import Lifecycle
from app.management import ManagementListener
from app.metrics import RequestMetrics
from app.parsing import BODY_LIMIT
from app.requests import register_request_hooks
from app.resources import (
    audit,
    calls,
    chats,
    collections,
    devices,
    disappearing,
    docs,
    events,
    health,
    passkeys,
    presence,
    tenants,
    tokens,
    users,
    webhooks,
)
from app.settings import Settings
from bridge.client import WhatsmeowBridge
from bridge.interface import Bridge
from sessions.data_directory import DataDirectory
from sessions.parts import Part
from sessions.rate_limits import RateLimiter
from sessions.service import Service, build_service

BLUEPRINTS = (
    chats.blueprint,
    disappearing.blueprint,
    presence.blueprint,
    calls.blueprint,
    events.blueprint,
    collections.blueprint,
    devices.blueprint,
    passkeys.blueprint,
    users.blueprint,
    tokens.blueprint,
    webhooks.blueprint,
    audit.blueprint,
    tenants.blueprint,
    health.blueprint,
)


def create_app(settings: Settings | None = None, bridge: Bridge | None = None) -> Flask:
    """Put an application together; without arguments from the environment, with the real bridge."""
    settings = settings or Settings.from_environment()
    service = build_service(settings.service_config(), bridge or WhatsmeowBridge())
    master = MasterToken()

    app = build_flask()
    app.extensions[EXTENSION] = Context(
        settings=settings,
        service=service,
        lifecycle=build_lifecycle(settings, service, master=master, application=app),
        authenticator=Authenticator(service.tokens, master),
        master=master,
        limits=build_limits(settings),
        metrics=RequestMetrics(service.metrics.registry),
    )
    register_audit(app)
    register_request_hooks(app)
    register_error_handlers(app)
    api = build_api(app, BLUEPRINTS)
    app.register_blueprint(docs.build_blueprint(api))
    return app


class StrictFlask(Flask):
    """A Flask whose routes may refuse HEAD."""

    url_rule_class = HeadlessRule

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function as it is: none is a coroutine, and finding that out takes time."""
        return func


class AnswerJSON(DefaultJSONProvider):
    """JSON with the members in the order of their schema."""

    sort_keys = False


def build_flask() -> Flask:
    """Make a Flask without its defaults that guess: redirects, merged slashes, static files."""
    app = StrictFlask("wuts", static_folder=None)
    app.url_map.merge_slashes = False
    # One byte more than allowed: werkzeug silently cuts off a chunked body at its own limit.
    app.config.update(MAX_CONTENT_LENGTH=BODY_LIMIT + 1, PROVIDE_AUTOMATIC_OPTIONS=False)
    app.json = AnswerJSON(app)
    return app


def build_limits(settings: Settings) -> Limits:
    """Make the limiters: two seconds' worth of requests at once, one minute's of failures."""
    per_token, per_address = settings.rate_limit, settings.failure_limit
    return Limits(
        requests=RateLimiter(per_token, burst=2 * per_token),
        failures=RateLimiter(per_address / 60, burst=per_address),
    )


def build_lifecycle(
    settings: Settings, service: Service, *, master: MasterToken, application: Flask
) -> Lifecycle:
    """List what is started, in order; it is stopped in reverse."""
    stopping = Event()
    directory = DataDirectory(settings.data_dir)

    def own_directory() -> None:
        directory.prepare()
        directory.acquire(settings.lock_timeout, stopping)

    def learn_master_token() -> None:
        master.set(directory.master_token(settings.master_token))

    parts = [
        Part("data_directory", own_directory, lambda _: directory.release()),
        Part("master_token", learn_master_token, lambda _: master.forget()),
        Part("service", service.start, service.stop),
    ]
    if settings.management_bind is not None:
        listener = ManagementListener(settings.management_bind, application)
        # First, so that it can be asked while the service waits for its data, or stops.
        parts.insert(0, Part("management", listener.start, listener.stop))
    return Lifecycle(parts, stopping=stopping, release_waiters=service.begin_stopping)
