"""The recorder is killed, the database locked, Redis away, an event poisoned: nothing is lost."""

import asyncio
import random
import sqlite3
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, event
from sqlalchemy.ext.asyncio import AsyncEngine

from moorage_api.base import now
from moorage_api.events import FIELD, Event
from moorage_api.keys import SessionKeys
from moorage_gateway.db.engine import make_engine
from moorage_gateway.db.tables import checkpoints, messages, sessions, turns
from moorage_gateway.settings import DatabaseSettings
from moorage_testing.history import History, answered, asked, said, used
from moorage_testing.live import publish, until
from moorage_testing.redis import RedisServer


async def test_killed_at_every_statement_it_loses_and_doubles_nothing(history: History) -> None:
    """A connection that breaks after n statements stands for a kill between any two steps."""
    session = history.backend.add()
    *_, last = await publish(
        history.redis,
        session,
        asked("t1", "Hello"),
        said("t1", 1, "Hi", "tool"),
        answered("t1", "tool", "ok"),
        said("t1", 2, "Done"),
        used("t1"),
    )
    for statements in range(40):
        dying = DyingEngine(history.database_url, statements)
        history.start(dying.engine)
        ended = await history.until(
            checkpoints, session, partial(_dead_or_recorded, dying.dead, last)
        )
        await history.kill()
        await dying.engine.dispose()
        assert bool(ended) == bool(await history.rows(messages, session))
        if ended and ended[0].event_id == last:
            break
    else:
        pytest.fail("it never came to its end")
    rows = await history.rows(messages, session)
    assert [row.content for row in rows] == ["Hello", "Hi", "Done"]
    assert [len(row.tool_results or ()) for row in rows] == [0, 1, 0]
    assert len(await history.rows(turns, session)) == 1


def _dead_or_recorded(dead: asyncio.Event, last: str, rows: Sequence[Any]) -> bool:
    return dead.is_set() or bool(rows and rows[0].event_id == last)


class DyingEngine:
    """An engine whose user is cancelled in place of its next statement but ``statements``."""

    def __init__(self, url: str, statements: int) -> None:
        self.engine: AsyncEngine = make_engine(url, DatabaseSettings())
        self.dead = asyncio.Event()
        self._left = statements
        event.listen(self.engine.sync_engine, "before_cursor_execute", self._count)

    def _count(self, *_: object) -> None:
        self._left -= 1
        if self._left < 0:
            self.dead.set()
            raise asyncio.CancelledError


async def test_cancelled_at_random_moments_it_loses_and_doubles_nothing(history: History) -> None:
    session = history.backend.add()
    draw = random.Random(3)  # noqa: S311 - not a secret
    for number in range(1, 31):
        history.start()
        *_, last = await publish(
            history.redis,
            session,
            *(said("t", number * 10 + n, f"{number * 10 + n}") for n in range(10)),
        )
        await asyncio.sleep(draw.uniform(0, 0.15))
        await history.kill()
    history.start()
    await history.until_at(session, last)
    rows = await history.rows(messages, session)
    assert [row.content for row in rows] == [str(n) for n in range(10, 310)]


async def test_two_recorders_record_each_event_once(history: History) -> None:
    session = history.backend.add()
    history.start()
    history.start()
    for number in range(1, 20):
        [last] = await publish(history.redis, session, said("t", number, f"{number}"))
        await asyncio.sleep(0.02)
    await history.until_at(session, last)
    rows = await history.rows(messages, session)
    assert [row.content for row in rows] == [str(n) for n in range(1, 20)]


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_a_locked_database_only_delays(history: History, tmp_path: Path) -> None:
    session = history.backend.add()
    recorder = history.start()
    [first] = await publish(history.redis, session, asked("t1", "Hello"))
    await history.until_at(session, first)
    with sqlite3.connect(tmp_path / "moorage.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        [last] = await publish(history.redis, session, said("t1", 1, "Hi"))
        await until(lambda: recorder.writer.failures > 0)
        other.execute("ROLLBACK")
    other.close()
    await history.until_at(session, last)
    assert len(await history.rows(messages, session)) == 2


async def test_redis_away_only_delays(history: History, redis_server: RedisServer) -> None:
    session = history.backend.add()
    history.start()
    [first] = await publish(history.redis, session, asked("t1", "Hello"))
    await history.until_at(session, first)
    redis_server.kill()
    redis_server.start()
    await history.redis.connection_pool.disconnect()
    [last] = await publish(history.redis, session, said("t1", 1, "Hi"))
    await history.until_at(session, last)
    assert len(await history.rows(messages, session)) == 2


async def test_redis_that_lost_everything_costs_no_recorded_message(history: History) -> None:
    session = history.backend.add()
    history.start()
    [first] = await publish(history.redis, session, asked("t1", "Hello"))
    await history.until_at(session, first)
    await history.kill()
    await history.redis.flushall()
    [last] = await publish(history.redis, session, said("t1", 1, "Hi"))
    history.start()
    await history.until_at(session, last)
    assert [row.content for row in await history.rows(messages, session)] == ["Hello", "Hi"]


@pytest.mark.parametrize(
    "poison",
    [
        said("x" * 201, 1, "its id does not fit"),
        used("t1", 2**70),
        answered("t1", "nobody asked", "x"),
    ],
    ids=["id", "number", "result"],
)
async def test_an_event_that_cannot_be_written_is_passed_over(
    history: History, poison: Event
) -> None:
    session, other = history.backend.add(), history.backend.add()
    history.start()
    *_, last = await publish(
        history.redis, session, said("t1", 1, "before"), poison, said("t1", 2, "after")
    )
    [beside] = await publish(history.redis, other, said("t1", 1, "beside"))
    await history.until_at(session, last)
    await history.until_at(other, beside)
    assert [row.content for row in await history.rows(messages, session)] == ["before", "after"]
    assert len(await history.rows(messages, other)) == 1


async def test_what_is_no_event_is_passed_over(history: History) -> None:
    session = history.backend.add()
    history.start()
    for raw in (b"message:stop", b'{"type":"message:stop"}', b'{"type":"usage","data":{}}'):
        await history.redis.xadd(SessionKeys(session).events, {FIELD: raw})
    [last] = await publish(history.redis, session, said("t1", 1, "a\0b"))
    await history.until_at(session, last)
    [row] = await history.rows(messages, session)
    assert row.content == "a\N{REPLACEMENT CHARACTER}b"


async def test_a_deleted_session_does_not_come_back(history: History) -> None:
    session, other = history.backend.add(), history.backend.add()
    recorder = history.start()
    [first] = await publish(history.redis, session, asked("t1", "Hello"))
    await history.until_at(session, first)
    history.backend.remove(session)
    async with history.engine.begin() as connection:
        await connection.execute(delete(sessions).where(sessions.c.id == session))
    await publish(history.redis, session, said("t1", 1, "too late"))
    [last] = await publish(history.redis, other, asked("t1", "Hello"))
    await history.until_at(other, last)
    assert (await history.rows(messages, session), recorder.behind) == ([], 0)


async def test_the_last_words_of_a_session_deleted_with_kubectl_are_recorded(
    history: History,
) -> None:
    session = history.backend.add()
    history.start()
    [first] = await publish(history.redis, session, asked("t1", "Hello"))
    await history.until_at(session, first)
    await publish(history.redis, session, said("t1", 1, "Just"))
    history.backend.remove(session)
    [last] = await publish(history.redis, session, said("t1", 2, "in time"))
    await history.until_at(session, last)
    rows = await history.rows(messages, session)
    assert [row.content for row in rows] == ["Hello", "Just", "in time"]


async def test_200_events_a_second_are_recorded_within_a_second(history: History) -> None:
    names = [history.backend.add() for _ in range(20)]
    history.start()
    lags = []
    for number in range(1, 11):
        started = now()
        written = [
            (name, (await publish(history.redis, name, said("t", number, "x")))[0])
            for name in names
        ]
        for name, last in written:
            await history.until_at(name, last)
        lags.append((now() - started).total_seconds())
    assert sorted(lags)[len(lags) // 2] < 1
