"""Asks every service, all at once and for a bounded time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import text

from moorage_api.redis_client import ping
from moorage_gateway.context import Context
from moorage_gateway.health.schemas import Checks, Health, Ready, ServiceDetail, Services, State

_PATIENCE: Final = 2.0


@dataclass(frozen=True, slots=True)
class HealthService:
    """Health of one process and what it needs."""

    context: Context

    async def health(self) -> Health:
        """Return how everything is."""
        database, redis, sessions = await self._ask_all()
        queue = self._queue()
        moment = self.context.clock()
        return Health(
            status=overall(database.status, redis.status, sessions.status, queue.status),
            timestamp=moment,
            services=Services(
                database=database.status,
                redis=redis.status,
                queue=queue.status,
                sessions=sessions.status,
            ),
            version=self.context.version,
            uptime=round((moment - self.context.started_at).total_seconds(), 3),
            details={"database": database, "redis": redis, "queue": queue, "sessions": sessions},
        )

    async def ready(self) -> Ready:
        """Return whether requests can be answered."""
        checks = Checks(
            **{
                name: detail.status == "healthy"
                for name, detail in zip(
                    ("database", "redis", "sessions"), await self._ask_all(), strict=True
                )
            }
        )
        return Ready(ready=checks.database and checks.redis and checks.sessions, checks=checks)

    async def _ask_all(self) -> tuple[ServiceDetail, ServiceDetail, ServiceDetail]:
        return await asyncio.gather(
            _ask(self._database), _ask(self._redis), _ask(self.context.backend.ready)
        )

    async def _database(self) -> bool:
        async with self.context.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
        return True

    async def _redis(self) -> bool:
        await ping(self.context.redis)
        return True

    def _queue(self) -> ServiceDetail:
        """The queue is what moves between database and Redis in the background."""
        down = self.context.supervisor.down
        if not down:
            return ServiceDetail(status="healthy")
        names = ", ".join(f"{name} ({reason})" for name, reason in sorted(down.items()))
        return ServiceDetail(status="degraded", message=f"starting again: {names}")


async def _ask(question: Callable[[], Awaitable[bool]]) -> ServiceDetail:
    started = time.perf_counter()
    try:
        async with asyncio.timeout(_PATIENCE):
            well = await question()
    except Exception as error:
        return ServiceDetail(status="unhealthy", message=type(error).__name__)
    latency = round((time.perf_counter() - started) * 1000, 2)
    return ServiceDetail(status="healthy" if well else "unhealthy", latency_ms=latency)


def overall(database: State, redis: State, sessions: State, queue: State) -> State:
    """Return the state of the whole: without the database nothing can be answered."""
    if database == "unhealthy":
        return "unhealthy"
    if {redis, sessions, queue} == {"healthy"} and database == "healthy":
        return "healthy"
    return "degraded"
