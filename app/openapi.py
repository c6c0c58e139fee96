"""Print the OpenAPI document: `python -m app.openapi`."""

from __future__ import annotations

import json
import sys
from typing import Any

from app import BLUEPRINTS, build_flask
from app.api import build_api


def build_document() -> dict[str, Any]:
    """Build the document from the routes; nothing is started and no setting is read."""
    document: dict[str, Any] = build_api(build_flask(), BLUEPRINTS).spec.to_dict()
    return document


def render_document() -> str:
    """Write the document as the repository keeps it."""
    return json.dumps(build_document(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(render_document())
