"""The yardstick: a bare Flask-smorest route that only waits, with the same gunicorn settings.

What it reaches is what the framework and the machine allow for one request that waits one round
trip. The service has more to do for each request, but shares round trips between them.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import flask_smorest
import httpx
from flask import Flask
from marshmallow import Schema, fields

from app.processes import Child, wait_for
from tests.support.service import free_port

WAIT = "BENCH_WAIT_MS"
THREADS = 320
KEEP_ALIVE_SECONDS = 5


class Request(Schema):
    """What an archive says."""

    archived = fields.Boolean(required=True)
    last_message_timestamp = fields.Integer()


class Answer(Schema):
    """What an archive is answered."""

    success = fields.Boolean(required=True)
    chat_jid = fields.String(required=True)
    archived = fields.Boolean(required=True)


def create_app() -> Flask:
    """Make the application; how long it waits is in the environment."""
    app = Flask("bare")
    app.config.update(API_TITLE="bare", API_VERSION="1", OPENAPI_VERSION="3.1.0")
    blueprint = flask_smorest.Blueprint("chats", __name__)
    seconds = float(os.environ[WAIT]) / 1000

    @blueprint.route("/chats/<string:chat_jid>/archive", methods=["POST"])
    @blueprint.arguments(Request)
    @blueprint.response(200, Answer)
    def archive(body: dict[str, Any], chat_jid: str) -> dict[str, Any]:
        time.sleep(seconds)
        return {"success": True, "chat_jid": chat_jid, "archived": body["archived"]}

    flask_smorest.Api(app).register_blueprint(blueprint)
    return app


@contextmanager
def running_bare(folder: Path, *, wait_ms: int) -> Iterator[int]:
    """Serve the yardstick as long as the body runs; gives its port."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--worker-class", "gthread", "--workers", "1"]
    command += ["--threads", str(THREADS), "--keep-alive", str(KEEP_ALIVE_SECONDS)]
    command += ["--no-control-socket", "--bind", f"127.0.0.1:{port}"]
    command += ["tests.bench.bare:create_app()"]
    environ = {**os.environ, WAIT: str(wait_ms)}
    child = Child.start("bare", command, log=folder / f"bare{wait_ms}.log", environ=environ)

    def ready() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/", trust_env=False).status_code == 404
        except httpx.TransportError:
            return False

    try:
        wait_for(ready, seconds=30, what="the yardstick", child=child)
        yield port
    finally:
        child.stop()
