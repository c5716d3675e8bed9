"""What is read together is written together: one transaction, by statements that are prepared."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from moorage_api.events import Event
from moorage_api.redis_client import make_redis
from moorage_gateway.db.engine import make_engine
from moorage_gateway.db.tables import checkpoints, messages
from moorage_gateway.kept.versions import Changes
from moorage_gateway.live.ids import EventId
from moorage_gateway.pipelined import Pipelined, open_pipelined
from moorage_gateway.recorder.entries import Page
from moorage_gateway.recorder.writer import Writer
from moorage_gateway.settings import DatabaseSettings
from moorage_testing.history import answered, asked, said, used
from moorage_testing.live import FakeBackend
from moorage_testing.plans import statements_sent
from moorage_testing.redis import RedisServer

SESSIONS = 4
TURNS = 10
NOW = datetime(2026, 1, 31, tzinfo=UTC)


@pytest.fixture
async def pipelined(redis_server: RedisServer) -> AsyncIterator[Pipelined]:
    async with make_redis(redis_server.url) as redis, open_pipelined(redis, 5) as questions:
        yield questions


def page_of(session_id: str, number: int) -> Page:
    """Return a page of whole turns: asked, said with a tool, answered, over."""
    found: list[Event] = []
    for turn in range(TURNS):
        name = f"t-{number}-{turn}"
        found += [asked(name, "Hello"), said(name, 1, "Hi", f"tool-{name}")]
        found += [answered(name, f"tool-{name}", "ok"), used(name)]
    events = tuple(
        one.model_copy(update={"session_id": session_id, "id": f"{number}-{index}"})
        for index, one in enumerate(found)
    )
    before = None if number == 1 else EventId(number - 1, len(events))
    return Page(session_id, before, EventId(number, len(events)), events)  # type: ignore[arg-type]


def commits_of(engine: AsyncEngine) -> list[object]:
    commits: list[object] = []
    event.listen(engine.sync_engine, "commit", commits.append)
    return commits


async def test_pages_of_several_sessions_are_one_transaction(
    database_url: str, pipelined: Pipelined
) -> None:
    engine, backend = make_engine(database_url, DatabaseSettings()), FakeBackend()
    ids = [backend.add() for _ in range(SESSIONS)]
    writer = Writer(Changes(engine, pipelined), backend.get, lambda: NOW)
    commits = commits_of(engine)
    events = SESSIONS * TURNS * 4
    for number in (1, 2):
        with statements_sent(engine) as sent:
            written = await writer.write([page_of(one, number) for one in ids])
        assert (len(written.pages), written.passed_by) == (SESSIONS, set())
        assert len(commits) == number
        # Two for each event at the most, what moves each session's checkpoint, and one that keeps
        # the sessions from being deleted meanwhile.
        assert len(sent) <= 2 * events + 2 * SESSIONS + 1
        # So few texts are prepared once for each connection, whatever they carry.
        assert len({one.text for one in sent}) <= 10
    async with engine.connect() as connection:
        assert len((await connection.execute(select(messages.c.id))).all()) == 2 * events / 2
        assert len((await connection.execute(select(checkpoints))).all()) == SESSIONS
    await engine.dispose()


async def test_postgresql_parses_each_statement_once(
    postgres_url: str, pipelined: Pipelined
) -> None:
    settings = DatabaseSettings(pool_size=1, max_overflow=0)
    engine, backend = make_engine(postgres_url, settings), FakeBackend()
    session_id = backend.add()
    writer = Writer(Changes(engine, pipelined), backend.get, lambda: NOW)
    query = text("SELECT count(*) FROM pg_prepared_statements WHERE statement !~ 'pg_'")
    known = []
    for number in (1, 2, 3):
        await writer.write([page_of(session_id, number)])
        async with engine.connect() as connection:
            known.append(await connection.scalar(query))
    assert known[0] > 0
    # The second page moves a checkpoint where the first made one; then nothing is new.
    assert known[2] == known[1] <= known[0] + 1
    await engine.dispose()
