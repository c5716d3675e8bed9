"""The operator's log, on stderr."""

import logging
import sys
from collections.abc import Iterable

import structlog

from moorage_api import logs
from moorage_operator.settings import LogSettings


def configure(settings: LogSettings, secrets: Iterable[str] = ()) -> None:
    """Send structlog's and the standard library's records to stderr in one form, secrets masked."""
    level = settings.level.upper()
    logs.configure(
        logging.StreamHandler(sys.stderr),
        structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        secrets,
        readable=logs.is_readable(settings.format),
    )
    logging.getLogger().setLevel(level)
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)  # it tells of each event
