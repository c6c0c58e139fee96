"""README's tables and the code say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.errors import STATUSES
from app.settings import NAMES
from sessions.errors import ErrorCode
from tests.support.contract import document

ROOT = Path(__file__).parents[2]
EVERYWHERE = {ErrorCode.NOT_FOUND, ErrorCode.METHOD_NOT_ALLOWED, ErrorCode.REQUEST_TIMEOUT}
README = (ROOT / "README.md").read_text(encoding="utf-8")


def documented_codes() -> set[ErrorCode]:
    """Return the codes that any operation of the OpenAPI document can answer with."""
    text = str(document()["paths"])
    return {code for code in ErrorCode if re.search(rf"\b{code}\b", text)}


def test_every_setting_is_in_the_readme() -> None:
    """The table of settings names each setting of the code, and no other."""
    assert set(re.findall(r"^\| `(WUTS_\w+)` \|", README, re.MULTILINE)) == set(NAMES)


def test_every_error_is_in_the_readme() -> None:
    """The table of errors has each code that any path or an operation can give, with its status."""
    rows = re.findall(r"^\| (\d{3}) \| `(\w+)` \|", README, re.MULTILINE)
    table = {ErrorCode(code): int(status) for status, code in rows}
    assert {code: int(STATUSES[code]) for code in table} == table
    assert set(table) == documented_codes() | EVERYWHERE


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:app|sessions|schemas|bridge)/[\w/.]+)`", README)))
)
def test_named_files_exist(path: str) -> None:
    """Every file that the README leads a reader to is there."""
    assert (ROOT / path).exists()
