"""A gateway for a test: the real application and database, a real Redis, sessions in memory."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import structlog
from fastapi import FastAPI
from redis.asyncio import Redis

from moorage_api.base import now
from moorage_api.inbox import Input, decode_input
from moorage_api.keys import SessionKeys
from moorage_api.resources import Phase
from moorage_api.state import FIELD, HEARTBEAT_FIELD, SessionState, encode_state
from moorage_gateway.app import BASE, create_app
from moorage_gateway.context import Context
from moorage_gateway.retention.retention import Retention
from moorage_gateway.settings import Settings
from moorage_testing.backend import MemoryBackend

REPOSITORY = "https://git.example.com/team/sample.git"


@dataclass(frozen=True)
class Gateway:
    """A running gateway and what stands around it."""

    app: FastAPI
    backend: MemoryBackend
    redis: Redis
    client: httpx2.AsyncClient
    logs: list[Any]

    @property
    def context(self) -> Context:
        """The process's context."""
        context: Context = self.app.state.context
        return context

    async def create(self, **fields: Any) -> str:
        """Create a session and return its id."""
        body = fields or {"projectPath": REPOSITORY}
        answer = await self.client.post("/sessions", json=body)
        assert answer.status_code == httpx2.codes.CREATED, answer.text
        session_id: str = answer.json()["id"]
        return session_id

    async def say(self, session_id: str, content: str = "Hello", **fields: Any) -> Any:
        """Send a message and return it."""
        answer = await self.client.post(
            f"/sessions/{session_id}/messages", json={"content": content} | fields
        )
        assert answer.status_code == httpx2.codes.CREATED, answer.text
        return answer.json()["message"]

    async def inbox(self, session_id: str) -> list[Input]:
        """Return what was sent to the session."""
        entries: Any = await self.redis.xrange(SessionKeys(session_id).inbox)
        return [decode_input(fields[b"input"]) for _, fields in entries if b"input" in fields]

    async def live(self, session_id: str, *, age: float = 0, **state: Any) -> None:
        """Write what a runner says of the session."""
        await state_of_runner(self.redis, session_id, age=age, **state)


async def state_of_runner(redis: Redis, session_id: str, *, age: float = 0, **state: Any) -> None:
    """Write what a runner says of its session."""
    said = SessionState(**({"phase": Phase.READY} | state))
    beat = str(time.time() - age)
    values: Any = {FIELD: encode_state(said), HEARTBEAT_FIELD: beat.encode()}
    await redis.hset(SessionKeys(session_id).state, mapping=values)


def settings_for(home: Path, redis_url: str, **changes: Any) -> Settings:
    """Return settings as the embedded run has them."""
    values: dict[str, Any] = {
        "auth": "none",
        "home": home,
        "redis_url": redis_url,
        "sessions": {"allow_local_paths": True},
        "files": {"timeout_seconds": 2.0},
        "limits": {"enabled": False},
        "http": {"drain_seconds": 0},
        "repositories": {"patterns": [{"url": "https://**/**"}, {"url": "http://**/**"}]},
        "quotas": {"sessions_running": 0, "sessions_created": 0},
    }
    return Settings(**(values | changes))


def retention_of(gateway: Gateway) -> Retention:
    """Return what removes rows that are over, as the gateway has it in the background."""
    context = gateway.context
    metrics = context.metrics.retention
    return Retention(context.engine, context.backend, context.clock, context.settings, metrics)


@asynccontextmanager
async def running_gateway(
    settings: Settings,
    backend: MemoryBackend | None = None,
    clock: Callable[[], datetime] = now,
) -> AsyncIterator[Gateway]:
    """Run the application in this process; requests do not go through a socket.

    Replicas share a ``backend``; each has its own unless one is given.
    """
    backend = backend or MemoryBackend()
    app = create_app(settings, backend.opened, clock)
    # Captured: printed with the default renderer a traceback takes seconds.
    with structlog.testing.capture_logs() as logs:
        async with _started(app, settings) as (redis, client):
            yield Gateway(app, backend, redis, client, logs)


@asynccontextmanager
async def _started(
    app: FastAPI, settings: Settings
) -> AsyncIterator[tuple[Redis, httpx2.AsyncClient]]:
    async with (
        app.router.lifespan_context(app),
        Redis.from_url(settings.redis_url.get_secret_value()) as redis,
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app, raise_app_exceptions=False),
            base_url=f"http://localhost{BASE}",
        ) as client,
    ):
        yield redis, client
