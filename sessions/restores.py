"""Finding out that a backup was restored: that the database is as it was once before.

A mark beside the database is made anew at each start. The database keeps what it says and when the
file system changed it last, which no copy can take with it. A database that was put back, alone or
with its mark, does not fit the mark that is there.
"""

from __future__ import annotations

import os
import uuid
from datetime import datetime
from pathlib import Path

import structlog
from sqlalchemy.orm import Session as Transaction

from sessions.data_directory import write_whole
from sessions.store import meta, mirrors
from sessions.times import to_milliseconds

MARK = "mark"

log = structlog.get_logger(__name__)


def note_start(transaction: Transaction, folder: Path, now: datetime) -> None:
    """Let event logs go on in a later epoch if a backup was restored, and make a new mark.

    A start that fails behind this counts as a restore, too; readers of the logs then begin anew.
    """
    path = folder / MARK
    known = meta.find_mark(transaction)
    if known is not None and known != _describe(path):
        log.warning("backup_restored")
        mirrors.begin_epoch(transaction, to_milliseconds(now))
    write_whole(path, f"{uuid.uuid4()}\n")
    meta.set_mark(transaction, _describe(path))


def _describe(path: Path) -> str:
    try:
        return f"{path.read_text(encoding='ascii').strip()} {os.stat(path).st_ctime_ns}"
    except (OSError, ValueError):
        return ""
