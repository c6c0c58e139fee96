"""The document and Swagger UI, from local files alone."""

from __future__ import annotations

import re

import pytest

from app.openapi import build_document
from tests.support.contract import CheckedClient


def test_document_is_served(client: CheckedClient) -> None:
    """What is served is what the repository keeps."""
    answer = client.get("/openapi.json")
    assert answer.status_code == 200
    assert answer.get_json() == build_document()


def test_page_and_everything_it_needs(client: CheckedClient) -> None:
    """The page works without a token, and whatever it refers to comes from here."""
    page = client.get("/docs")
    assert page.status_code == 200
    assert page.mimetype == "text/html"
    references = re.findall(r'(?:href|src)="([^"]+)"', page.text)
    assert len(references) == 4
    for reference in references:
        assert not reference.startswith(("http", "/"))
        answer = client.get(f"/{reference}")
        assert answer.status_code == 200
        assert answer.data


def test_page_has_no_inline_script(client: CheckedClient) -> None:
    """The policy allows scripts and requests of this origin only, and the page needs no more."""
    page = client.get("/docs")
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "connect-src 'self';" in policy
    assert re.findall(r"<script(?! src=)", page.text) == []


def test_authorize_keeps_nothing(client: CheckedClient) -> None:
    """A token that is typed in is forgotten with the page, and no other host is asked."""
    script = client.get("/docs/start.js").text
    assert "persistAuthorization: false" in script
    assert "validatorUrl: null" in script
    schemes = build_document()["components"]["securitySchemes"]
    assert {scheme["scheme"] for scheme in schemes.values()} == {"bearer"}


@pytest.mark.parametrize("name", ["index.html", "..%2fREADME.md", "%2e%2e/README.md", "LICENSE"])
def test_other_files_are_not_served(client: CheckedClient, name: str) -> None:
    """Only the files that the page needs are there."""
    assert client.get(f"/docs/{name}").status_code == 404
