"""Makes a process's context: opens what the gateway needs, in order, and closes it in reverse."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from importlib.metadata import version

from redis.asyncio import BlockingConnectionPool, Redis

from moorage_api.base import now
from moorage_gateway.background import Supervisor
from moorage_gateway.context import Context, OpenBackend
from moorage_gateway.db.engine import open_engine
from moorage_gateway.db.migrate import migrate
from moorage_gateway.settings import Settings


def redis_client(settings: Settings, *, size: int, timeout: float) -> Redis:
    """Return a client whose pool never opens more than ``size`` connections."""
    pool = BlockingConnectionPool.from_url(
        settings.redis_url.get_secret_value(),
        max_connections=size,
        timeout=timeout,
        socket_timeout=timeout,
        socket_connect_timeout=settings.redis.connect_timeout_seconds,
    )
    return Redis.from_pool(pool)


class NoRelay:
    """Stands in until the relay is wired."""

    async def flush(self, session_id: str) -> None:
        """Send nothing."""


@asynccontextmanager
async def open_context(
    settings: Settings, open_backend: OpenBackend, clock: Callable[[], datetime] = now
) -> AsyncIterator[Context]:
    """Yield the context, with its background tasks running."""
    if settings.database.migrate_at_start:
        await asyncio.to_thread(migrate, settings.database_location, settings.database)
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(
            open_engine(settings.database_location, settings.database)
        )
        redis = await stack.enter_async_context(
            redis_client(
                settings, size=settings.redis.pool_size, timeout=settings.redis.timeout_seconds
            )
        )
        blocking = await stack.enter_async_context(
            redis_client(
                settings,
                size=settings.files.concurrency,
                timeout=settings.files.timeout_seconds + settings.redis.timeout_seconds,
            )
        )
        backend = await stack.enter_async_context(open_backend(settings, redis))
        supervisor = Supervisor([])
        running = asyncio.create_task(supervisor.run(), name="background")
        stack.push_async_callback(_stop, running)
        yield Context(
            settings=settings,
            engine=engine,
            redis=redis,
            blocking_redis=blocking,
            backend=backend,
            relay=NoRelay(),
            supervisor=supervisor,
            clock=clock,
            version=version("moorage"),
            started_at=clock(),
            closing=asyncio.Event(),
        )


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
