"""A session is deleted while it is being recorded: neither waits for the other in a ring."""

import asyncio

import pytest
from sqlalchemy import select

from moorage_gateway.db.tables import checkpoints, messages
from moorage_gateway.sessions.repository import SessionRepository
from moorage_testing.history import History, asked, said
from moorage_testing.live import LIMIT, publish
from moorage_testing.locks import looking_at_locks


@pytest.fixture
def database_url(postgres_url: str) -> str:
    """Only PostgreSQL has locks of rows."""
    return postgres_url


async def test_a_deletion_waits_for_the_recorder(history: History) -> None:
    session = history.backend.add()
    recorder = history.start()
    await publish(history.redis, session, asked("t1", "Hello"))
    await history.until(messages, session, lambda rows: len(rows) == 1)

    async def remove() -> None:
        async with history.engine.begin() as connection:
            await SessionRepository(connection).remove(session)

    async with looking_at_locks(history.engine) as locks, history.engine.connect() as holding:
        await holding.execute(select(messages).with_for_update())
        await publish(history.redis, session, asked("t1", "Hello"), said("t1", 1, "Hi"))
        await locks.until_waiting(1)  # the recorder, in the middle of its page
        deletion = asyncio.create_task(remove())
        await locks.until_waiting(2)
        await holding.rollback()
        async with asyncio.timeout(LIMIT):
            await deletion
    assert recorder.writer.failures == 0
    assert await history.rows(messages, session) == []
    assert await history.rows(checkpoints, session) == []
