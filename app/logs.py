"""Logs: one JSON object a line on stdout, without raw paths, queries, tokens, bodies or values."""

from __future__ import annotations

import hashlib
import logging
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from threading import RLock
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

HASH_BYTES = 8

# One thread may write while it writes: the collector runs anywhere, and what it frees may log.
_writing = RLock()


def configure_logging(level: str) -> None:
    """Send every log of this process, structlog's and the standard library's, to stdout."""
    number = logging.getLevelNamesMapping()[level.upper()]
    handler = _LineHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=PROCESSORS,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, RENDER],
        )
    )
    logging.basicConfig(handlers=[handler], level=number, force=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # Not by way of the standard library, which takes four times as long for the line of a request.
    structlog.configure(
        processors=[*PROCESSORS, RENDER],
        logger_factory=LineLogger,
        wrapper_class=structlog.make_filtering_bound_logger(number),
    )


class LineLogger:
    """Writes whole lines to stdout, from any thread."""

    def __init__(self, name: str) -> None:
        self.name = name

    def write(self, line: str) -> None:
        """Write one line at once; when nobody reads them any more, the work goes on without."""
        with _writing, suppress(OSError, ValueError):
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()

    debug = info = warning = error = critical = write


class _LineHandler(logging.Handler):
    """Writes what the standard library logs in the same way."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:
            # It is the library's defect, and must not become one of the request.
            structlog.get_logger(record.name).warning("log_line_malformed")
            return
        LineLogger(record.name).write(line)


def describe_exception(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Replace an exception by the classes and places of it and its causes, without their texts.

    The text of an exception may hold what somebody sent.
    """
    given = event.pop("exc_info", None)
    if given is True:
        given = sys.exc_info()[1]
    elif isinstance(given, tuple):
        given = given[1]
    if isinstance(given, BaseException):
        event["exception"] = [_describe(error) for error in _chain(given)]
    return event


PROCESSORS: Sequence[Processor] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    describe_exception,
)
RENDER = structlog.processors.JSONRenderer()


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _describe(error: BaseException) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "type": f"{type(error).__module__}.{type(error).__qualname__}",
        "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }


def hash_jid(jid: str, key: bytes) -> str:
    """Name a chat in a log so that its lines can be found together and its number can't."""
    return hashlib.blake2b(jid.encode(), digest_size=HASH_BYTES, key=key).hexdigest()
