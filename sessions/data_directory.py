"""The folder that holds everything the service keeps. Exactly one process owns it at a time."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from threading import Event

from sessions.deadline import Deadline
from sessions.vault import KEY_RULE, generate_key, parse_keys

_LOCK_NAME = "lock"
_TOKEN_NAME = "master-token"  # noqa: S105 - the name of a file
_KEY_NAME = "encryption-key"
_POLL_SECONDS = 0.1
_TOKEN = re.compile(r"[!-~]{32,}")
TOKEN_RULE = "must have at least 32 characters, printable ASCII without spaces"  # noqa: S105 - a rule


class DataDirectoryBusy(Exception):
    """Another process owns the data directory."""


class DataBelongsElsewhere(Exception):
    """The data was made with another network; its keys must not be shown to this one."""

    def __init__(self, owner: str, network: str) -> None:
        super().__init__(f"this data belongs to {owner}; it can't be used with {network}")


class DataUnusable(Exception):
    """A file of the data directory can't be used; the text names it and says why."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} can't be used: {reason}")


class DataDirectory:
    """Permissions, ownership, the master token and the encryption key of a data directory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    def prepare(self) -> None:
        """Make the folder, and let it and every file made from now on be for the owner alone."""
        os.umask(0o077)
        for folder in (self.path, self.path / "devices"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)

    def acquire(self, wait_seconds: float, stopping: Event) -> None:
        """Become the owner, waiting for the present one to go.

        Raises DataDirectoryBusy when it has not gone by then, or when `stopping` is set first.
        """
        lock = os.open(self.path / _LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
        deadline = Deadline.after(wait_seconds)
        while not _try_lock(lock):
            if deadline.expired or stopping.wait(min(_POLL_SECONDS, deadline.remaining())):
                os.close(lock)
                raise DataDirectoryBusy(f"another process uses the data directory {self.path}")
        self._lock = lock

    def release(self) -> None:
        """Stop being the owner; harmless when not the owner."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def master_token(self, configured: str | None) -> str:
        """Return the platform's token: the configured one, else the one kept (and made) here.

        Raises DataUnusable for one that is kept here and could be guessed.
        """
        if configured is not None:
            return configured
        path = self.path / _TOKEN_NAME
        token = _read_or_make(path, lambda: secrets.token_urlsafe(32))
        if not is_token(token):
            raise DataUnusable(path, f"a token {TOKEN_RULE}; without the file a new one is made")
        return token

    def encryption_key(self, configured: str | None) -> str:
        """Return the keys that encrypt secrets: those configured, else one kept (and made) here.

        Raises DataUnusable for one that is kept here and is none.
        """
        if configured is not None:
            return configured
        path = self.path / _KEY_NAME
        key = _read_or_make(path, generate_key)
        try:
            parse_keys(key)
        except ValueError:
            raise DataUnusable(path, f"its keys {KEY_RULE}") from None
        return key


def is_token(text: str) -> bool:
    """Whether a text is fit to be the platform's token: see TOKEN_RULE."""
    return _TOKEN.fullmatch(text) is not None


def _try_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read_or_make(path: Path, make: Callable[[], str]) -> str:
    """Return the secret that a file holds; the file is made with a new one if there is none."""
    if not path.exists():
        write_whole(path, make() + "\n")
    return path.read_text(encoding="ascii", errors="replace").strip()


def write_whole(path: Path, text: str) -> None:
    """Write a file for the owner alone, so that a kill leaves all of it or nothing."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
