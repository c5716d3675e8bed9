"""The runner's own log: JSON lines on stderr, with the session's id; never secrets or content."""

import logging
import sys
import traceback
from collections.abc import Iterator, MutableMapping
from itertools import islice
from typing import Any

import structlog

from moorage_runner.lines import LineWriter

_MAX_TRACES = 8
_MAX_FRAMES = 12


class _LineLogger:
    """What structlog hands its finished lines to."""

    def __init__(self, writer: LineWriter) -> None:
        self._write = writer.write

    def msg(self, line: str) -> None:
        """Take a line."""
        self._write(line)

    debug = info = warning = error = critical = exception = log = msg


def configure(writer: LineWriter, session_id: str) -> None:
    """Send all logs to `writer`."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _without_words,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: _LineLogger(writer),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(session=session_id)
    logging.basicConfig(handlers=[_Bridge()], level=logging.ERROR, force=True)


def _without_words(_: object, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Say which exception came from where; its message may hold what a user or a tool wrote."""
    wanted = line.pop("exc_info", None)
    error = sys.exc_info()[1] if wanted is True else wanted
    if isinstance(error, BaseException):
        line["exceptions"] = list(islice(_traces(error), _MAX_TRACES))
    return line


def _traces(error: BaseException) -> Iterator[str]:
    frames = traceback.extract_tb(error.__traceback__)[-_MAX_FRAMES:]
    places = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames]
    yield " ".join([type(error).__name__, *places])
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _traces(each)
    if error.__cause__:
        yield from _traces(error.__cause__)


class _Bridge(logging.Handler):
    """Brings the libraries' errors into the same log, without their arguments."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log where it came from and what kind it was; the text may hold content."""
        kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
        structlog.get_logger().error("library", logger=record.name, line=record.lineno, kind=kind)


def get_logger() -> Any:
    """Return the log."""
    return structlog.get_logger()
