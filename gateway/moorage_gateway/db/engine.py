"""The database's engine: one per process, with SQLite told to be durable and concurrent."""

import json
import math
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from moorage_gateway.settings import DatabaseSettings


def make_engine(url: str, settings: DatabaseSettings) -> AsyncEngine:
    """Return an engine for ``url``; nothing is connected before it is used.

    SQLite: a transaction begins with its first write and takes the write lock at once, so that it
    waits for another writer (busy_timeout) instead of failing when it turns from reading to
    writing.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_async_engine(
            parsed,
            pool_size=settings.pool_size,
            pool_pre_ping=True,
            json_serializer=_json,
        )
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = create_async_engine(
        parsed,
        pool_size=settings.pool_size,
        max_overflow=0,
        pool_timeout=settings.busy_timeout_seconds,
        connect_args={"isolation_level": "IMMEDIATE"},
        json_serializer=_json,
    )
    busy_ms = int(settings.busy_timeout_seconds * 1000)

    def configure(connection: Any, record: object) -> None:
        del record
        connection.execute(f"PRAGMA busy_timeout = {busy_ms}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")

    event.listen(engine.sync_engine, "connect", configure)
    return engine


def _json(value: Any) -> str:
    """Return ``value`` as JSON, which has no NaN and no infinity: null stands for them."""
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False)


def _finite(value: Any) -> Any:
    match value:
        case float() if not math.isfinite(value):
            return None
        case dict():
            return {key: _finite(part) for key, part in value.items()}
        case list() | tuple():
            return [_finite(part) for part in value]
    return value


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
