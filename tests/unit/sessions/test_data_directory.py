"""The data directory."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from sessions.data_directory import DataDirectory, DataDirectoryBusy, DataUnusable
from tests.support.sessions import threads


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[DataDirectory]:
    """A prepared data directory; the umask of the tests is put back."""
    umask = os.umask(0o022)
    directory = DataDirectory(tmp_path / "data")
    directory.prepare()
    yield directory
    directory.release()
    os.umask(umask)


def mode(path: Path) -> int:
    """Return the permissions of a file."""
    return stat.S_IMODE(path.stat().st_mode)


def test_it_is_for_the_owner_alone(directory: DataDirectory) -> None:
    """Folders are 0700, also one that was open before, and new files are 0600."""
    directory.path.chmod(0o755)
    directory.prepare()
    (directory.path / "new").touch()
    assert mode(directory.path) == mode(directory.path / "devices") == 0o700
    assert mode(directory.path / "new") == 0o600


def test_it_has_one_owner(directory: DataDirectory) -> None:
    """While one owns it another is refused, and gets it afterwards."""
    directory.acquire(0, Event())
    other = DataDirectory(directory.path)
    with pytest.raises(DataDirectoryBusy, match="another process uses the data directory"):
        other.acquire(0, Event())
    directory.release()
    other.acquire(0, Event())
    other.release()


def test_a_new_owner_waits_for_the_old_one(directory: DataDirectory) -> None:
    """Waiting ends when the owner goes."""
    directory.acquire(0, Event())
    other = DataDirectory(directory.path)
    with threads([lambda: other.acquire(10, Event())]) as outcomes:
        directory.release()
    assert outcomes == [None]
    other.release()


def test_stopping_ends_the_wait(directory: DataDirectory) -> None:
    """Who is told to stop doesn't wait for the owner to go."""
    directory.acquire(0, Event())
    stopping = Event()
    stopping.set()
    with pytest.raises(DataDirectoryBusy):
        DataDirectory(directory.path).acquire(60, stopping)


def test_releasing_twice_is_harmless(directory: DataDirectory) -> None:
    """Who is not the owner releases nothing."""
    directory.release()
    directory.release()


def test_the_master_token_is_made_once(directory: DataDirectory) -> None:
    """It is long, for the owner alone, and the same at the next start."""
    token = directory.master_token(None)
    assert len(token) >= 32
    assert directory.master_token(None) == token
    assert mode(directory.path / "master-token") == 0o600


@pytest.mark.parametrize("kept", [b"", b"\n", b"too-short\n", b"x" * 31, b"x y" * 20, b"\xff" * 40])
def test_a_master_token_that_can_be_guessed(directory: DataDirectory, kept: bytes) -> None:
    """A kept token that is empty, short or odd ends the start; the file is named, not the token."""
    path = directory.path / "master-token"
    path.write_bytes(kept)
    with pytest.raises(DataUnusable) as raised:
        directory.master_token(None)
    assert str(raised.value) == (
        f"{path} can't be used: a token must have at least 32 characters, printable ASCII without"
        " spaces; without the file a new one is made"
    )


def test_a_configured_master_token_wins(directory: DataDirectory) -> None:
    """A configured token is used and not stored."""
    assert directory.master_token("configured") == "configured"
    assert not (directory.path / "master-token").exists()
