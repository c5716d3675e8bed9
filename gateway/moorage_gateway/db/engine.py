"""The database's engine: one per process, with SQLite told to be durable and concurrent."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import URL, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from moorage_gateway.db.commits import watch
from moorage_gateway.db.failures import translate
from moorage_gateway.db.values import to_json
from moorage_gateway.settings import DatabaseSettings

_COMMON: Final[dict[str, Any]] = {
    "json_serializer": to_json,
    # What people write must not get into a log with an error.
    "hide_parameters": True,
}
_GRACE_SECONDS: Final = 5.0
"""How much longer than the server a client waits for a statement to end."""


def make_engine(url: str, settings: DatabaseSettings) -> AsyncEngine:
    """Return an engine for ``url``; nothing is connected before it is used."""
    parsed = make_url(url)
    make = _sqlite if parsed.get_backend_name() == "sqlite" else _postgresql
    engine = make(parsed, settings)
    watch(engine)
    return engine


def _sqlite(url: URL, settings: DatabaseSettings) -> AsyncEngine:
    """Return an engine for a file.

    A transaction begins with its first write and takes the write lock at once, so that it waits
    for another writer (busy_timeout) instead of failing when it turns from reading to writing.
    """
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = create_async_engine(
        url,
        pool_size=settings.pool_size,
        max_overflow=0,
        pool_timeout=settings.busy_timeout_seconds,
        connect_args={"isolation_level": "IMMEDIATE"},
        **_COMMON,
    )
    busy_ms = int(settings.busy_timeout_seconds * 1000)

    def configure(connection: Any, record: Any) -> None:
        # SQLAlchemy stops a connection that aiosqlite is closing if the task that uses it is
        # cancelled; the closing, which stops it too, would wait for ever for a thread that is gone.
        driver = record.driver_connection
        driver.stop = cache(driver.stop)
        connection.execute(f"PRAGMA busy_timeout = {busy_ms}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")

    event.listen(engine.sync_engine, "connect", configure)
    return engine


def _postgresql(url: URL, settings: DatabaseSettings) -> AsyncEngine:
    """Return an engine for a server.

    A connection that was closed is noticed before it is used without asking the server: asyncpg
    sees the closing at once. One that was cut without a word is what `pool_pre_ping` is for; it
    costs three round trips for each use.
    """
    engine = create_async_engine(
        url,
        pool_size=settings.pool_size,
        max_overflow=settings.max_overflow,
        pool_timeout=settings.pool_timeout_seconds,
        pool_recycle=settings.pool_recycle_seconds,
        pool_pre_ping=settings.pool_pre_ping,
        # The connections used last are used again: those opened for a peak come to rest.
        pool_use_lifo=True,
        connect_args=_connect_arguments(settings),
        **_COMMON,
    )

    def check(connection: Any, record: object, proxy: object) -> None:
        del record, proxy
        if connection.driver_connection.is_closed():
            raise DisconnectionError

    event.listen(engine.sync_engine, "checkout", check)
    translate(engine.sync_engine)
    return engine


def _connect_arguments(settings: DatabaseSettings) -> dict[str, Any]:
    """Return what asyncpg is told.

    Behind PgBouncer in transaction mode a connection is another server's for each transaction:
    prepared statements are not there any more, so none is kept and each has a name of its own;
    and it refuses settings of a connection, so they have to be the role's.
    """
    limit = settings.statement_timeout_seconds
    arguments: dict[str, Any] = {
        "timeout": settings.connect_timeout_seconds,
        "command_timeout": limit + _GRACE_SECONDS if limit else None,
    }
    if settings.pgbouncer:
        return arguments | {
            "statement_cache_size": 0,
            "prepared_statement_cache_size": 0,
            "prepared_statement_name_func": lambda: f"moorage_{uuid4().hex}",
        }
    milliseconds = str(int(limit * 1000))
    return arguments | {
        "prepared_statement_cache_size": settings.prepared_statements,
        "server_settings": {
            "application_name": "moorage-gateway",
            "statement_timeout": milliseconds,
            # A gateway that hangs must not hold its locks for ever.
            "idle_in_transaction_session_timeout": milliseconds,
            # The statements are short: to compile them takes longer than to run them.
            "jit": "off",
        },
    }


def reading(engine: AsyncEngine) -> AsyncEngine:
    """Return the engine's connections for statements that only read, each by itself.

    They see what was committed before each of them, as in a transaction of their own; on PostgreSQL
    without one, which would be two more round trips each time.
    """
    if engine.dialect.name == "sqlite":
        return engine  # begins none before it writes
    return engine.execution_options(isolation_level="AUTOCOMMIT")


@asynccontextmanager
async def open_engine(url: str, settings: DatabaseSettings) -> AsyncIterator[AsyncEngine]:
    """Yield an engine that is disposed of at the end.

    All connections are opened at once: SQLAlchemy forgets one, open as it is, if whoever asked
    for it is cancelled meanwhile, as background tasks are.
    """
    engine = make_engine(url, settings)
    try:
        async with AsyncExitStack() as stack:
            for _ in range(settings.pool_size):
                await stack.enter_async_context(engine.connect())
        yield engine
    finally:
        await engine.dispose()
