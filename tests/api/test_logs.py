"""Log lines: JSON, and nothing that was sent."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
from collections.abc import Iterator

import pytest
import structlog

from app.logs import configure_logging, hash_jid


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    """Return what was printed, line by line."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_both_kinds_of_logger_write_json(capsys: pytest.CaptureFixture[str]) -> None:
    """structlog and the standard library write into one log, each line with the request's id."""
    configure_logging("info")
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        structlog.get_logger("wuts").info("device_linked", device_id="d1")
        logging.getLogger("other").warning("plain %s", "words")
        structlog.get_logger("wuts").debug("unseen")
    first, second = lines(capsys)
    assert first["event"] == "device_linked"
    assert first["device_id"] == "d1"
    assert second["event"] == "plain words"
    assert second["level"] == "warning"
    assert first["request_id"] == second["request_id"] == "r1"


def test_exceptions_are_logged_without_their_text(capsys: pytest.CaptureFixture[str]) -> None:
    """An exception is told by its classes and places, for its text may hold what was sent."""
    configure_logging("info")
    try:
        try:
            raise KeyError("secret one")
        except KeyError as error:
            raise ValueError("secret two") from error
    except ValueError as error:
        structlog.get_logger("wuts").error("request_failed", exc_info=error)
        logging.getLogger("other").exception("failed")
        structlog.get_logger("wuts").error("again", exc_info=True)
    assert sys.exc_info() == (None, None, None)
    told = lines(capsys)
    assert len(told) == 3
    for line in told:
        assert "secret" not in json.dumps(line)
        exceptions = line["exception"]
        assert isinstance(exceptions, list)
        assert [exception["type"] for exception in exceptions] == [
            "builtins.ValueError",
            "builtins.KeyError",
        ]


def test_nobody_reads_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the log's pipe is closed, what is logged is lost, and the work goes on."""
    reader, writer = os.pipe()
    with open(writer, "w") as pipe:
        os.close(reader)
        monkeypatch.setattr(sys, "stdout", pipe)
        configure_logging("info")
        structlog.get_logger("wuts").info("device_linked")
        logging.getLogger("other").warning("plain")
        monkeypatch.undo()
        with pytest.raises(BrokenPipeError):
            pipe.close()


def test_a_line_that_a_library_gets_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    """It is told that there was one, without what it was about, and the library's work goes on."""
    configure_logging("info")
    logging.getLogger("other").warning("secret %s %s", "alone")
    [line] = lines(capsys)
    assert (line["event"], line["logger"]) == ("log_line_malformed", "other")


def test_a_line_while_a_line_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the collector frees at any moment may log: the thread does not wait for itself."""

    class Interrupted(io.StringIO):
        def write(self, text: str) -> int:
            if "first" in text:
                structlog.get_logger("wuts").info("second")
            return super().write(text)

    stdout = Interrupted()
    monkeypatch.setattr(sys, "stdout", stdout)
    configure_logging("info")
    structlog.get_logger("wuts").info("first")
    monkeypatch.undo()
    told = [json.loads(line)["event"] for line in stdout.getvalue().splitlines()]
    assert told == ["second", "first"]


def test_jid_is_hashed_with_a_key() -> None:
    """The same chat has the same name under one key, and another under another."""
    jid = "15557000001@s.whatsapp.net"
    assert hash_jid(jid, b"k") == hash_jid(jid, b"k")
    assert hash_jid(jid, b"k") != hash_jid(jid, b"l")
    assert "1555" not in hash_jid(jid, b"k")
