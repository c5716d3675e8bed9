"""Tells the database's troubles from a statement's: both dialects raise the same for the first.

SQLite's driver raises OperationalError for a locked or missing file. asyncpg has no such class: a
server that stops, refuses, fails over or runs out of something is an error like any other there.
With ``translate`` all of that is ``sqlalchemy.exc.OperationalError``, which means: nothing is wrong
with the statement, try again later.
"""

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Engine, event
from sqlalchemy.engine import Dialect, ExceptionContext
from sqlalchemy.exc import OperationalError

_AWAY_CLASSES: Final = frozenset({"08", "53", "57", "58"})
"""SQLSTATE classes: connection, resources, operator's intervention (with timeouts), system."""
_AWAY_STATES: Final = frozenset({"25006", "40001", "40P01", "55P03"})
"""A standby that takes no writes, a lost race, a deadlock, a lock that was not to be had."""
_GONE: Final = frozenset({"08000", "08003", "08006", "25006", "57P01", "57P02", "57P03"})
"""After these the connection is of no use: another server answers, or none."""


def is_away(sqlstate: str | None) -> bool:
    """Return whether an error of this SQLSTATE is the database's and not the statement's."""
    return sqlstate is not None and (sqlstate[:2] in _AWAY_CLASSES or sqlstate in _AWAY_STATES)


def translate(engine: Engine) -> None:
    """Have ``engine`` (PostgreSQL's) raise OperationalError where the database is at fault."""
    event.listen(engine, "do_connect", _connect)
    event.listen(engine, "handle_error", _handle, retval=True)


def _connect(dialect: Dialect, record: object, arguments: Any, options: Any) -> Any:
    """Connect; whatever hinders it (refused, no such host, starting up) is the database's fault."""
    del record
    assert dialect.dbapi is not None  # noqa: S101 - there is one for every engine
    try:
        return dialect.connect(*arguments, **options)
    except Exception as error:
        failure: Callable[..., Exception] = dialect.dbapi.OperationalError
        raise failure(f"{type(error).__name__}: {error}") from error


def _handle(context: ExceptionContext) -> BaseException | None:
    sqlstate = getattr(context.original_exception, "sqlstate", None)
    if sqlstate in _GONE:
        context.is_disconnect = True
    told = context.sqlalchemy_exception
    if told is None or isinstance(told, OperationalError):
        return None
    if not (context.is_disconnect or is_away(sqlstate)):
        return None
    return OperationalError(
        context.statement,
        None,
        told.orig or context.original_exception,
        hide_parameters=True,
        connection_invalidated=context.is_disconnect,
    )
