"""The gateway's log: on stderr or in a file, with the request's id.

What is bound to the context while a request is answered stands in every line that is written
meanwhile, whoever writes it: ``request_id``, ``session`` once it is known, ``trace_id``.
"""

import logging
import os
import sys
from collections.abc import Iterable
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from typing import Any, Final

import structlog

from moorage_api import logs
from moorage_gateway.settings import LogSettings

TRACE: Final = 5
_PRIVATE: Final = 0o600

_QUIET: Final = {
    "aiosqlite": logging.INFO,
    "alembic": logging.WARNING,
    "saq": logging.ERROR,
}
"""Libraries that would tell of every statement, and so of what stands in it, or of every job."""


class BoundLogger(structlog.stdlib.BoundLogger):
    """structlog's, with one level more."""

    def trace(self, event: str, **values: Any) -> None:
        """Log what happens all the time; while nobody wants it, it costs a comparison."""
        if self._logger.isEnabledFor(TRACE):
            arguments, named = self._process_event("trace", event, values)
            self._logger.log(TRACE, *arguments, **named)


def trace(logger: Any, event: str, **values: Any) -> None:
    """Log with the least level; nothing where logging was not configured, which teaches it."""
    method = getattr(logger, "trace", None)
    if method is not None:
        method(event, **values)


class _PrivateFile(RotatingFileHandler):
    """A log file that is moved aside when it is full, and that nobody else may read."""

    def _open(self) -> TextIOWrapper:
        return open(self.baseFilename, "a", encoding=self.encoding, opener=_open_privately)


def _open_privately(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, _PRIVATE)


def configure(settings: LogSettings, secrets: Iterable[str] = ()) -> None:
    """Send structlog's and the standard library's records to one place in one form.

    ``secrets`` are values that never appear, wherever they come from.
    """
    logging.addLevelName(TRACE, "TRACE")
    for old in logging.getLogger().handlers:
        if isinstance(old, _PrivateFile):
            old.close()
    logs.configure(
        _handler(settings),
        BoundLogger,
        secrets,
        readable=settings.file is None and logs.is_readable(settings.format),
        more=[structlog.stdlib.ExtraAdder(), structlog.processors.StackInfoRenderer()],
    )
    _set_levels(settings)


def _handler(settings: LogSettings) -> logging.Handler:
    if settings.file is None:
        return logging.StreamHandler(sys.stderr)
    path = settings.file.expanduser()
    path.parent.mkdir(parents=True, exist_ok=True)
    return _PrivateFile(
        path,
        maxBytes=settings.file_max_bytes,
        backupCount=settings.file_backups,
        encoding="utf-8",
    )


def _set_levels(settings: LogSettings) -> None:
    level = TRACE if settings.level == "trace" else settings.level.upper()
    logging.getLogger().setLevel(level)
    for noisy in ("uvicorn", "uvicorn.error"):
        logging.getLogger(noisy).handlers = []
    logging.getLogger("uvicorn.access").disabled = True
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(least)
