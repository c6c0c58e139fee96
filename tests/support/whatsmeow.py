"""whatsmeow as it comes, without the engine that the service has instead of its app state."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from tests.support.judges import Judge, running_client
from tests.support.simulator import Phone

WAJUDGE = Path(__file__).parents[2] / ".build" / "wajudge"


def running_whatsmeow(folder: Path, phone: Phone) -> AbstractContextManager[Judge]:
    """Link a plain whatsmeow to an account."""
    return running_client([WAJUDGE], folder / "whatsmeow.jsonl", phone, may_complain=False)
