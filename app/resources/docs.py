"""The OpenAPI document, and Swagger UI from local files: no other host is ever asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flask_swagger_ui
from flask import Blueprint, Response, current_app
from flask_smorest import Api
from werkzeug.exceptions import NotFound

ASSETS = Path(flask_swagger_ui.__file__).parent / "dist"
SERVED = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "favicon-32x32.png": "image/png",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>WUTS</title>
<link rel="icon" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
START = """window.ui = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  persistAuthorization: false,
  tryItOutEnabled: true,
  validatorUrl: null,
});
"""


def build_blueprint(api: Api) -> Blueprint:
    """Serve the document of an API and the pages that show it."""
    blueprint = Blueprint("docs", __name__)

    @blueprint.get("/openapi.json")
    def show_document() -> dict[str, Any]:
        document: dict[str, Any] = api.spec.to_dict()
        return document

    blueprint.add_url_rule("/docs", view_func=show_page)
    blueprint.add_url_rule("/docs/start.js", view_func=show_start)
    blueprint.add_url_rule("/docs/<name>", view_func=show_asset)
    blueprint.after_request(_restrict)
    return blueprint


def show_page() -> Response:
    """Answer with Swagger UI's page."""
    return current_app.response_class(PAGE, mimetype="text/html")


def show_start() -> Response:
    """Answer with the script that starts Swagger UI, so that the page needs no inline script."""
    return current_app.response_class(START, mimetype="text/javascript")


def show_asset(name: str) -> Response:
    """Answer with one of Swagger UI's files."""
    if name not in SERVED:
        raise NotFound
    return current_app.response_class((ASSETS / name).read_bytes(), mimetype=SERVED[name])


def _restrict(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = POLICY
    return response
