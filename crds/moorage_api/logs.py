"""How gateway and operator log: structlog's records and the standard library's in one form.

Each line is a JSON object, or readable for a person. No secret is in it. The runner logs otherwise,
without any word of a user, a tool or a model: moorage_runner.logs.
"""

import logging
import sys
from collections.abc import Iterable
from typing import Any, Literal

import structlog

from moorage_api.redaction import Redactor


def configure(
    handler: logging.Handler,
    wrapper: type[Any],
    secrets: Iterable[str] = (),
    *,
    readable: bool,
    more: Iterable[Any] = (),
) -> None:
    """Send all records to ``handler`` and nowhere else.

    Args:
        handler: where they go.
        wrapper: structlog's class of loggers.
        secrets: values that never appear, wherever they come from.
        readable: whether lines are for a person.
        more: processors of structlog's that add to a record.
    """
    _collect_less()
    shared = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        *more,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=wrapper,
        cache_logger_on_first_use=True,
    )
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(Redactor(secrets), readable=readable),
            ],
        )
    )
    logging.getLogger().handlers = [handler]


def _collect_less() -> None:
    """Have records without what no line shows: where they come from, which thread and process.

    That is a third of what a line costs (the logging HOWTO, "Optimization", names these switches).
    """
    logging._srcfile = None
    logging.logThreads = False
    logging.logProcesses = False
    logging.logMultiprocessing = False


def _renderers(redact: Redactor, *, readable: bool) -> list[Any]:
    if readable:
        # Plain: the other formatter shows local variables, which may be secrets, and is slow.
        plain = structlog.dev.plain_traceback
        return [redact, structlog.dev.ConsoleRenderer(exception_formatter=plain)]
    return [structlog.processors.format_exc_info, redact, structlog.processors.JSONRenderer()]


def is_readable(form: Literal["auto", "json", "console"]) -> bool:
    """Whether a person reads what goes to stderr. A process may have no stderr at all."""
    if form == "auto":
        return sys.stderr is not None and sys.stderr.isatty()
    return form == "console"
