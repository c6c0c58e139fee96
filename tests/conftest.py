"""Which tests may run side by side."""

from __future__ import annotations

from pathlib import Path

import pytest

_GROUPS = {"e2e": "processes", "soak": "processes", "api/test_gunicorn.py": "server"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep tests with processes of their own from running beside each other.

    Those of one group run in one worker, one after the other, while another one runs the rest.
    """
    here = Path(__file__).parent
    groups = {here / name: group for name, group in _GROUPS.items()}
    for item in items:
        for path in (item.path, *item.path.parents):
            if path in groups:
                item.add_marker(pytest.mark.xdist_group(groups[path]))
