"""The runner's own log: JSON lines on stderr, with the session's id; never secrets or content."""

import logging
from typing import Any

import structlog

from moorage_runner.lines import LineWriter


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
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: _LineLogger(writer),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(session=session_id)
    logging.basicConfig(handlers=[_Bridge()], level=logging.ERROR, force=True)


class _Bridge(logging.Handler):
    """Brings the libraries' errors into the same log, without their arguments."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log where it came from and what kind it was; the text may hold content."""
        kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
        structlog.get_logger().error("library", logger=record.name, line=record.lineno, kind=kind)


def get_logger() -> Any:
    """Return the log."""
    return structlog.get_logger()
