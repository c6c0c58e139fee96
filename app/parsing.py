"""Request bodies and queries, strictly: UTF-8 JSON objects without doubled names."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NoReturn

from flask import Request
from gunicorn.http.errors import ParseException
from marshmallow import Schema, ValidationError
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import UnsupportedMediaType

from app.receiving import RequestStalled
from schemas.base import RequestSchema
from sessions.errors import InvalidInput, PayloadTooLarge, Problem, RequestTimeout

BODY_LIMIT = 256 * 1024
PLACES = {"json": "body", "query": "query"}
MOST_PROBLEMS = 20
MOST_NAME = 100


class RequestParser(FlaskParser):
    """Reads what a schema asks for. Whatever does not fit becomes InvalidInput."""

    DEFAULT_VALIDATION_STATUS = 400

    def load_json(self, req: Request, schema: Schema) -> Any:
        """Read the body; an operation that takes none accepts an empty one."""
        optional = isinstance(schema, RequestSchema) and schema.body_is_optional
        if optional and not read_body(req):
            return {}
        _require_json(req)
        return read_json(read_body(req))

    def load_querystring(self, req: Request, schema: Schema) -> Any:
        """Read the schema's names from the query; one that is given twice must not differ."""
        differing = [name for name in schema.fields if len(set(req.args.getlist(name))) > 1]
        if differing:
            raise InvalidInput([Problem(name, "Given twice, and differs.") for name in differing])
        return {name: req.args[name] for name in schema.fields if name in req.args}

    def load_headers(self, req: Request, schema: Schema) -> Any:
        """Read the schema's names from the headers."""
        names = [field.data_key or name for name, field in schema.fields.items()]
        return {name: req.headers[name] for name in names if name in req.headers}

    def handle_error(self, error: ValidationError, *_: Any, **__: Any) -> NoReturn:
        """Turn marshmallow's complaints into problems of the request."""
        raise InvalidInput(list_problems(error.messages)) from None


def _require_json(request: Request) -> None:
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    encoding = request.headers.get("Content-Encoding", "identity").lower()
    if request.mimetype != "application/json" or charset not in ("utf-8", "utf8"):
        raise UnsupportedMediaType
    if encoding != "identity":
        raise UnsupportedMediaType


def read_body(request: Request) -> bytes:
    """Return the whole body.

    Raises PayloadTooLarge, RequestTimeout if it is cut off or stalls, and InvalidInput if chunks
    are malformed.
    """
    try:
        body = request.get_data()
    except RequestStalled:
        raise RequestTimeout from None
    except ParseException:
        raise InvalidInput([Problem("body", "Is not sent as HTTP prescribes.")]) from None
    if len(body) > BODY_LIMIT:
        raise PayloadTooLarge
    if request.content_length is not None and len(body) < request.content_length:
        raise RequestTimeout("the request ended before its body did")
    return body


def read_json(body: bytes) -> Any:
    """Parse a body; raises InvalidInput for anything but one JSON value in UTF-8."""
    try:
        return json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_without_doubles,
            parse_constant=_refuse_constant,
        )
    except (ValueError, RecursionError):
        raise InvalidInput([Problem("body", "Is not valid JSON in UTF-8.")]) from None


def _without_doubles(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a name is given twice")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def list_problems(messages: Any) -> list[Problem]:
    """Flatten webargs' nested messages to problems named like `archived` or `chat_jids[3]`.

    Only the first ones, and only the beginnings of long names: unknown names are the client's.
    """
    problems = (
        problem
        for place, found in messages.items()
        for problem in _walk("", found, place=PLACES.get(place, place))
    )
    return list(islice(problems, MOST_PROBLEMS))


def _walk(path: str, found: Any, *, place: str) -> Iterator[Problem]:
    if isinstance(found, Mapping):
        for name, below in found.items():
            yield from _walk(_join(path, name), below, place=place)
        return
    for message in found if isinstance(found, list) else [found]:
        yield Problem(path[:MOST_NAME] or place, str(message))


def _join(path: str, name: str | int) -> str:
    if name == "_schema":
        return path
    if isinstance(name, int):
        return f"{path}[{name}]"
    return f"{path}.{name}" if path else name


def chosen_device(*places: Mapping[str, Any]) -> str | None:
    """Return the one device that the places name, if any; raises InvalidInput if they differ."""
    named = {place["device_id"].lower() for place in places if "device_id" in place}
    if len(named) > 1:
        raise InvalidInput([Problem("device_id", "Query and body name different devices.")])
    return named.pop() if named else None
