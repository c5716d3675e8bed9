"""Puts logging back as it was: a process configures it once, a test process many times."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

_LAZY = type(structlog.get_logger())


@contextmanager
def restored_logging() -> Iterator[None]:
    """Undo at the end what is configured meanwhile."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        yield
    finally:
        for handler in set(root.handlers) - set(handlers):
            handler.close()
        root.handlers = handlers
        root.setLevel(level)
        structlog.reset_defaults()
        structlog.contextvars.clear_contextvars()
        _forget_loggers()


def _forget_loggers() -> None:
    """Have each module's logger look at the configuration again: it keeps the first it was used
    with, and nothing that is logged through it would be captured any more.
    """
    for name, module in list(sys.modules.items()):
        if name.startswith("moorage_"):
            for value in vars(module).values():
                if isinstance(value, _LAZY):
                    vars(value).pop("bind", None)
