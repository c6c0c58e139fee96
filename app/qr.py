"""A QR code in the representation that the caller asked for."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import segno
from flask import Response, request

from sessions.states import QRCode

SCALE = 8
JSON = "application/json"


def _draw(text: str) -> segno.QRCode:
    return segno.make_qr(text, error="l")


def _save(text: str, *, kind: str) -> bytes:
    picture = io.BytesIO()
    _draw(text).save(picture, kind=kind, scale=SCALE)
    return picture.getvalue()


def draw_png(text: str) -> bytes:
    """Draw a text as QR code in a PNG."""
    return _save(text, kind="png")


def draw_svg(text: str) -> bytes:
    """Draw a text as QR code in an SVG."""
    return _save(text, kind="svg")


def draw_terminal(text: str) -> bytes:
    """Draw a text as QR code in block characters, for a terminal with a dark background."""
    drawing = io.StringIO()
    _draw(text).terminal(out=drawing, compact=True)
    return drawing.getvalue().encode()


DRAWINGS: Mapping[str, Callable[[str], bytes]] = {
    "image/png": draw_png,
    "image/svg+xml": draw_svg,
    "text/plain": draw_terminal,
}


def seconds_until(moment: datetime) -> int:
    """Return the seconds that are left, rounded up."""
    return max(0, math.ceil((moment - datetime.now(UTC)).total_seconds()))


def represent(qr: QRCode) -> Response | dict[str, Any]:
    """Answer with the drawing that `Accept` prefers, or else with the data of the JSON answer."""
    kind = request.accept_mimetypes.best_match([JSON, *DRAWINGS], default=JSON)
    if kind in DRAWINGS:
        return Response(DRAWINGS[kind](qr.code), mimetype=kind)
    return {
        "data": {
            "qr_code": qr.code,
            "image": "data:image/png;base64," + base64.b64encode(draw_png(qr.code)).decode(),
            "cached": qr.cached,
            "expires_at": qr.expires_at,
            "ttl": seconds_until(qr.expires_at),
        }
    }
