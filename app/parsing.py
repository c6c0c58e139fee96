"""Request bodies and queries, strictly: UTF-8 JSON objects without doubled names."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import wraps
from itertools import islice
from typing import Any, NoReturn

from flask import Request
from flask.globals import request_ctx
from gunicorn.http.errors import ParseException
from marshmallow import Schema, ValidationError
from werkzeug.exceptions import UnsupportedMediaType

from app.receiving import RequestStalled
from schemas.base import RequestSchema
from sessions.errors import InvalidInput, PayloadTooLarge, Problem, RequestTimeout

View = Callable[..., Any]

BODY_LIMIT = 256 * 1024
PLACES = {"json": "body", "query": "query"}
MOST_PROBLEMS = 20
MOST_NAME = 100


class RequestParser:
    """Reads what a schema asks for; flask-smorest calls it for every operation with arguments.

    Whatever does not fit becomes InvalidInput. It does nothing beside, for this is done several
    times a request; webargs' parser, which flask-smorest has by default, takes twice as long.
    """

    DEFAULT_VALIDATION_STATUS = 400

    def use_args(self, schema: Schema, *, location: str) -> Callable[[View], View]:
        """Give a view what the schema finds in a place, after its other positional arguments."""
        load = _LOADERS[location]

        def decorate(view: View) -> View:
            @wraps(view)
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                found = load(request_ctx.request, schema)
                try:
                    parsed = schema.load(found)
                except ValidationError as error:
                    raise InvalidInput(list_problems({location: error.messages})) from None
                return view(*args, parsed, **kwargs)

            return wrapper

        return decorate


def _load_json(request: Request, schema: Schema) -> Any:
    """Read the body; an operation that takes none accepts an empty one."""
    optional = isinstance(schema, RequestSchema) and schema.body_is_optional
    if optional and not read_body(request):
        return {}
    _require_json(request)
    return read_json(read_body(request))


def _load_query(request: Request, schema: Schema) -> Any:
    """Read the schema's names from the query; one that is given twice must not differ."""
    if not request.query_string:
        return {}
    given = request.args
    differing = [name for name in schema.fields if len(set(given.getlist(name))) > 1]
    if differing:
        raise InvalidInput([Problem(name, "Given twice, and differs.") for name in differing])
    return {name: given[name] for name in schema.fields if name in given}


def _load_headers(request: Request, schema: Schema) -> Any:
    """Read the schema's names from the headers."""
    names = [field.data_key or name for name, field in schema.fields.items()]
    return {name: request.headers[name] for name in names if name in request.headers}


_LOADERS: Mapping[str, Callable[[Request, Schema], Any]] = {
    "json": _load_json,
    "query": _load_query,
    "headers": _load_headers,
}


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
        return _DECODER.decode(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise InvalidInput([Problem("body", "Is not valid JSON in UTF-8.")]) from None


def _without_doubles(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a name is given twice")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_without_doubles, parse_constant=_refuse_constant)


def list_problems(messages: Any) -> list[Problem]:
    """Flatten marshmallow's nested messages to problems named like `archived` or `chat_jids[3]`.

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
