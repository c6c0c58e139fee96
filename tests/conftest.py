"""Which tests may run side by side."""

from __future__ import annotations

from pathlib import Path

import pytest

_SERIAL = ("e2e", "soak", "api/test_gunicorn.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests with processes of their own apart: they need the machine's cores themselves.

    They are one group, which one worker runs while others run the rest.
    """
    here = Path(__file__).parent
    serial = [here / name for name in _SERIAL]
    for item in items:
        if any(path in (item.path, *item.path.parents) for path in serial):
            item.add_marker(pytest.mark.xdist_group("processes"))
