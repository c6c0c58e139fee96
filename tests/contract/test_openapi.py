"""The OpenAPI document: current, valid, complete, and true of its own examples."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator

from app import BLUEPRINTS, build_flask
from app.api import build_api
from app.openapi import build_document, render_document
from sessions.principals import Scope

DOCUMENT = build_document()
KEPT = Path(__file__).parents[2] / "openapi.json"
OPERATIONS = [
    pytest.param(operation, id=f"{method.upper()} {path}")
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
    if method != "parameters"
]


def test_document_in_the_repository_is_current() -> None:
    """`make openapi` has been run since the last change."""
    assert KEPT.read_text(encoding="utf-8") == render_document()


def test_document_is_valid() -> None:
    """The document is OpenAPI 3.1."""
    assert DOCUMENT["openapi"] == "3.1.0"
    assert list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors()) == []


def test_every_route_is_documented() -> None:
    """Each route and method of the blueprints is there, and nothing else."""
    app = build_flask()
    build_api(app, BLUEPRINTS)
    routes = {
        (rule.rule.replace("<", "{").replace(">", "}"), method.lower())
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD"}
    }
    documented = {
        (path, method)
        for path, methods in DOCUMENT["paths"].items()
        for method in methods
        if method != "parameters"
    }
    assert documented == routes


@pytest.mark.parametrize("operation", OPERATIONS)
def test_operation_is_complete(operation: dict[str, Any]) -> None:
    """Each operation says what it does, who may call it, and gives an example of everything."""
    assert operation["summary"].endswith(".")
    body = operation.get("requestBody")
    if body is not None:
        assert "example" in body["content"]["application/json"]
    for status, response in operation["responses"].items():
        for kind, content in response["content"].items():
            assert "schema" in content
            if kind == "application/json":
                assert "example" in content or "examples" in content, status


@pytest.mark.parametrize("operation", OPERATIONS)
def test_guarded_operations_say_so(operation: dict[str, Any]) -> None:
    """Whatever is not health needs a token, and documents what happens without it."""
    if operation["tags"] == ["health"]:
        assert "security" not in operation
        return
    [(scheme, scopes)] = [item for one in operation["security"] for item in one.items()]
    assert scheme in ("token", "master_token")
    assert set(scopes) <= set(Scope)
    assert {"401", "403", "500", "503"} <= set(operation["responses"])


@pytest.mark.parametrize("operation", OPERATIONS)
def test_examples_fit_their_schemas(operation: dict[str, Any]) -> None:
    """What the document shows is what it allows."""
    for content in contents(operation):
        schema = {**content["schema"], "components": DOCUMENT["components"]}
        validator = Draft202012Validator(schema, format_checker=FormatChecker())
        for example in examples(content):
            validator.validate(example)


def contents(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give every JSON content of an operation."""
    parts = [operation.get("requestBody", {"content": {}}), *operation["responses"].values()]
    for part in parts:
        if "application/json" in part["content"]:
            yield part["content"]["application/json"]


def examples(content: dict[str, Any]) -> Iterator[Any]:
    """Give every example of a content."""
    if "example" in content:
        yield content["example"]
    for example in content.get("examples", {}).values():
        yield example["value"]


def test_document_is_json() -> None:
    """The rendered document is the document."""
    assert json.loads(render_document()) == json.loads(json.dumps(DOCUMENT))
