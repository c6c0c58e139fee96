"""Queries of lists with filters: a misspelt filter must not answer with everything."""

from __future__ import annotations

from flask import request
from marshmallow import Schema

from sessions.errors import InvalidInput, Problem

MOST_PROBLEMS = 20
LONGEST_NAME = 100


def refuse_unknown(schema: type[Schema]) -> None:
    """Refuse names in the query that the schema does not have. Raises InvalidInput."""
    known = schema._declared_fields
    unknown = [name for name in request.args if name not in known][:MOST_PROBLEMS]
    if unknown:
        raise InvalidInput([Problem(name[:LONGEST_NAME], "Unknown field.") for name in unknown])
