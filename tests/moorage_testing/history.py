"""A recorder on a real database and a real Redis, and events as a runner writes them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from redis.asyncio import Redis
from sqlalchemy import Table, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from moorage_api.base import now
from moorage_api.events import (
    Event,
    MessageStopData,
    MessageStopEvent,
    PermissionRequest,
    PermissionRequestedEvent,
    PermissionResolvedData,
    PermissionResolvedEvent,
    ToolCall,
    ToolResultData,
    ToolResultEvent,
    UsageData,
    UsageEvent,
)
from moorage_api.inbox import Input, encode_input
from moorage_api.redis_client import make_redis
from moorage_api.resources.session import Usage
from moorage_gateway.db.engine import make_engine
from moorage_gateway.db.tables import checkpoints, inputs, sessions
from moorage_gateway.kept.versions import Changes
from moorage_gateway.live.hub import Hub
from moorage_gateway.live.watch import SessionWatch
from moorage_gateway.pipelined import Pipelined
from moorage_gateway.recorder.recorder import Recorder
from moorage_gateway.settings import DatabaseSettings
from moorage_testing.live import LIMIT, FakeBackend

SETTINGS = DatabaseSettings(busy_timeout_seconds=0.1)


def said(turn_id: str, number: int, content: str, *tools: str) -> Event:
    """Return a finished message of Claude's, which may ask for tools."""
    data = MessageStopData(
        message_id=f"{turn_id}-{number}",
        role="assistant",
        turn_id=turn_id,
        content=content,
        tool_calls=[ToolCall(id=tool, name="Bash", input={"command": "ls"}) for tool in tools],
        claude_session_id="claude-1",
    )
    return MessageStopEvent(timestamp=now(), data=data)


def asked(turn_id: str, content: str) -> Event:
    """Return the event that a user's message was taken up."""
    data = MessageStopData(message_id=turn_id, role="user", turn_id=turn_id, content=content)
    return MessageStopEvent(timestamp=now(), data=data)


def answered(turn_id: str, tool: str, content: str, *, is_error: bool = False) -> Event:
    """Return a tool's result."""
    data = ToolResultData(turn_id=turn_id, tool_use_id=tool, content=content, is_error=is_error)
    return ToolResultEvent(timestamp=now(), data=data)


def requested(turn_id: str, approval_id: str, summary: str = "Run ls") -> Event:
    """Return a request for permission."""
    data = PermissionRequest(
        approval_id=approval_id,
        turn_id=turn_id,
        tool="Bash",
        input={"command": "ls"},
        summary=summary,
        requested_at=now(),
        expires_at=now() + timedelta(minutes=10),
    )
    return PermissionRequestedEvent(timestamp=now(), data=data)


def resolved(approval_id: str, outcome: Any = "allow") -> Event:
    """Return the end of a request."""
    data = PermissionResolvedData(approval_id=approval_id, outcome=outcome)
    return PermissionResolvedEvent(timestamp=now(), data=data)


def used(turn_id: str, output_tokens: int = 7) -> Event:
    """Return the end of a turn."""
    usage = Usage(input_tokens=3, output_tokens=output_tokens, cost_usd=0.01, turns=1)
    data = UsageData(turn_id=turn_id, outcome="completed", turn=usage, total=usage, duration_ms=9)
    return UsageEvent(timestamp=now(), data=data)


class History:
    """What is recorded, and a recorder to be started and ended at will."""

    def __init__(self, database_url: str, redis_url: str) -> None:
        self.database_url = database_url
        self.engine: AsyncEngine = make_engine(database_url, SETTINGS)
        self.redis: Redis = make_redis(redis_url)
        self.backend = FakeBackend()
        self._redis_url = redis_url
        self._tasks: list[asyncio.Task[None]] = []
        self._clients: list[tuple[Redis, Pipelined]] = []

    def start(self, engine: AsyncEngine | None = None) -> Recorder:
        """Start a gateway's recorder with the parts that it needs."""
        redis = make_redis(self._redis_url)
        hub = Hub(redis, asyncio.Event())
        watch = SessionWatch(self.backend, hub)
        pipelined = Pipelined(redis, LIMIT)
        recorder = Recorder(hub, Changes(engine or self.engine, pipelined), watch)
        self._clients.append((redis, pipelined))
        self._tasks += [asyncio.create_task(part.run()) for part in (hub, watch, recorder)]
        return recorder

    async def kill(self) -> None:
        """End every recorder wherever it is."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        clients, self._clients = self._clients, []
        for redis, pipelined in clients:
            await pipelined.close()
            await redis.aclose()

    async def rows(self, table: Table, session_id: str) -> Sequence[Any]:
        """Return a session's rows, in the order of their key."""
        query = select(table).where(table.c.session_id == session_id)
        async with self.engine.connect() as connection:
            return (await connection.execute(query.order_by(*table.primary_key.columns))).all()

    async def until(
        self,
        table: Table,
        session_id: str,
        done: Callable[[Sequence[Any]], bool],
        limit: float = LIMIT,
    ) -> Sequence[Any]:
        """Return a session's rows as soon as they are as they should be."""
        async with asyncio.timeout(limit):
            while not done(rows := await self.rows(table, session_id)):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        return rows

    async def until_at(self, session_id: str, event_id: str) -> None:
        """Wait until everything up to the event is recorded."""
        await self.until(
            checkpoints, session_id, lambda rows: bool(rows) and rows[0].event_id == event_id
        )

    async def put(self, session_id: str, *values: Input) -> None:
        """Write inputs into the outbox, with the session's row if it has none yet."""
        moment = now()
        async with self.engine.begin() as connection:
            if await connection.scalar(select(sessions.c.id).where(sessions.c.id == session_id)):
                pass
            else:
                await connection.execute(
                    insert(sessions).values(
                        id=session_id, name="s", project_path="/p", archived=False,
                        created_at=moment, updated_at=moment, last_accessed_at=moment,
                    )
                )  # fmt: skip
            for value in values:
                await connection.execute(
                    insert(inputs).values(
                        session_id=session_id,
                        id=value.input_id,
                        body=encode_input(value).decode(),
                        created_at=moment,
                    )
                )


@asynccontextmanager
async def a_history(database_url: str, redis_url: str) -> AsyncIterator[History]:
    """Yield an empty history in a database that has its tables."""
    history = History(database_url, redis_url)
    try:
        yield history
    finally:
        await history.kill()
        await history.redis.aclose()
        await history.engine.dispose()
