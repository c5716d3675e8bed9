"""A session is deleted while it is being recorded: neither waits for the other in a ring."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from moorage_gateway.db.tables import checkpoints, messages
from moorage_gateway.sessions.repository import SessionRepository
from moorage_testing.history import History, a_history, asked, said
from moorage_testing.live import LIMIT, publish
from moorage_testing.redis import RedisServer


@pytest.fixture
async def history(postgres_url: str, redis_server: RedisServer) -> AsyncIterator[History]:
    """Only PostgreSQL has locks of rows."""
    async with a_history(postgres_url, redis_server.url) as history:
        yield history


async def until_waiting(connection: AsyncConnection, count: int) -> None:
    """Wait until so many of the database's connections wait for a lock."""
    query = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with asyncio.timeout(LIMIT):
        while await connection.scalar(query) != count:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)


async def test_a_deletion_waits_for_the_recorder(history: History) -> None:
    session = history.backend.add()
    recorder = history.start()
    await publish(history.redis, session, asked("t1", "Hello"))
    await history.until(messages, session, lambda rows: len(rows) == 1)

    async def remove() -> None:
        async with history.engine.begin() as connection:
            await SessionRepository(connection).remove(session)

    async with history.engine.connect() as looking, history.engine.connect() as holding:
        # Else all that it sees of the others is as at its first look.
        await looking.execution_options(isolation_level="AUTOCOMMIT")
        await holding.execute(select(messages).with_for_update())
        await publish(history.redis, session, asked("t1", "Hello"), said("t1", 1, "Hi"))
        await until_waiting(looking, 1)  # the recorder, in the middle of its page
        deletion = asyncio.create_task(remove())
        await until_waiting(looking, 2)
        await holding.rollback()
        async with asyncio.timeout(LIMIT):
            await deletion
    assert recorder.writer.failures == 0
    assert await history.rows(messages, session) == []
    assert await history.rows(checkpoints, session) == []
