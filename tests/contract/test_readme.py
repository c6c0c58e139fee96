"""README's tables and the code say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.errors import STATUSES
from app.settings import FILE_SUFFIX, NAMES, PARSERS, SECRETS, Settings
from bridge.errors import BridgeCode
from schemas.events import DATA
from sessions.errors import ErrorCode
from tests.support.contract import answered_codes

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")])
NAMED = re.compile(r"`([A-Z]+(?:_[A-Z]+)+)`")


def test_every_setting_is_in_the_readme() -> None:
    """The table of settings names each setting of the code, and no other."""
    assert set(re.findall(r"^\| `(WUTS_\w+)` \|", README, re.MULTILINE)) == set(NAMES)


def test_every_error_is_in_the_readme() -> None:
    """The table of errors has each code that any path or an operation can give, with its status."""
    rows = re.findall(r"^\| (\d{3}) \| `(\w+)` \|", README, re.MULTILINE)
    table = {ErrorCode(code): int(status) for status, code in rows}
    assert {code: int(STATUSES[code]) for code in table} == table
    assert set(table) == answered_codes()


def test_defaults_are_true() -> None:
    """The default that the table of settings gives is the one that the code has."""
    for name, text in re.findall(r"^\| `(WUTS_\w+)` \| `([^`]+)` \|", README, re.MULTILINE):
        field = NAMES[name]
        assert PARSERS[field](text) == getattr(Settings(), field), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_exists(page: Path) -> None:
    """Every setting and every code that a page names is one of the code's."""
    text = page.read_text(encoding="utf-8")
    settings = set(re.findall(r"\bWUTS_[A-Z]\w+", text))
    assert settings <= {*NAMES, *(f"{name}{FILE_SUFFIX}" for name in SECRETS)}
    assert set(NAMED.findall(text)) - settings <= {*ErrorCode, *BridgeCode}


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:app|sessions|schemas|bridge)/[\w/.]+)`", README)))
)
def test_named_files_exist(path: str) -> None:
    """Every file that the README leads a reader to is there."""
    assert (ROOT / path).exists()


def test_every_event_is_in_the_docs() -> None:
    """The table of events names each one that is emitted, and no other."""
    events = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \|", events, re.MULTILINE)) == set(DATA)
