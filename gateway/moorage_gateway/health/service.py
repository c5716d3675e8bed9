"""Asks every service, all at once and for a bounded time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from moorage_api.redis_client import ping
from moorage_gateway.backends.interface import SessionBackend
from moorage_gateway.background import Supervisor
from moorage_gateway.health.schemas import Checks, Health, Ready, ServiceDetail, Services, State
from moorage_gateway.relay.repository import queue_depth

_PATIENCE: Final = 2.0
_QUEUE_SECONDS: Final = 30.0
"""An input that was not sent for so long waits for something that is broken."""


class Running(Protocol):
    """What of a process is asked: of one that serves the API, or of the recorder's."""

    @property
    def engine(self) -> AsyncEngine:
        """The database."""

    @property
    def redis(self) -> Redis:
        """Redis."""

    @property
    def backend(self) -> SessionBackend:
        """The sessions."""

    @property
    def supervisor(self) -> Supervisor:
        """The background tasks."""

    @property
    def clock(self) -> Callable[[], datetime]:
        """The time."""

    @property
    def version(self) -> str:
        """Of the program."""

    @property
    def started_at(self) -> datetime:
        """When it began."""

    @property
    def closing(self) -> asyncio.Event:
        """Set when it is about to end."""


@dataclass(frozen=True, slots=True)
class HealthService:
    """Health of one process and what it needs."""

    context: Running

    async def health(self) -> Health:
        """Return how everything is."""
        database, redis, sessions = await self._ask_all()
        queue = await self._queue(database)
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
        well = checks.database and checks.redis and checks.sessions
        # A process that is about to end takes no new requests, however well it is.
        return Ready(ready=well and not self.context.closing.is_set(), checks=checks)

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

    async def _queue(self, database: ServiceDetail) -> ServiceDetail:
        """The queue is what moves between database and Redis in the background."""
        if database.status != "healthy":
            return ServiceDetail(status="degraded", message="the database does not answer")
        asked = await _ask(self._queue_moves)
        down = self.context.supervisor.down
        if down:
            names = ", ".join(f"{name} ({reason})" for name, reason in sorted(down.items()))
            return asked.model_copy(
                update={"status": "degraded", "message": f"starting again: {names}"}
            )
        if asked.status == "healthy":
            return asked
        message = asked.message or f"inputs wait for more than {_QUEUE_SECONDS:.0f} s"
        return asked.model_copy(update={"status": "degraded", "message": message})

    async def _queue_moves(self) -> bool:
        async with self.context.engine.connect() as connection:
            depth = await queue_depth(connection)
        return depth.age_seconds(self.context.clock()) <= _QUEUE_SECONDS


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
