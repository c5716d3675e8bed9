"""What is over goes after its time, in small steps; what is open or young stays, whole."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, event, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from moorage_api.resources import Activity, SessionSpec
from moorage_api.resources.parts import Repository
from moorage_gateway.audit.acts import Act, Action
from moorage_gateway.audit.record import record
from moorage_gateway.backends.interface import NewSession
from moorage_gateway.db.engine import make_engine
from moorage_gateway.db.tables import (
    approvals,
    audit_records,
    audit_retention,
    inputs,
    messages,
    metadata,
    sessions,
    turns,
)
from moorage_gateway.metrics.instruments import Metrics
from moorage_gateway.requests import random_id
from moorage_gateway.retention.removal import STEP, hold
from moorage_gateway.retention.retention import Retention
from moorage_gateway.settings import DatabaseSettings
from moorage_testing.accounts import Clock
from moorage_testing.backend import MemoryBackend
from moorage_testing.gateway import REPOSITORY, retention_of, running_gateway, settings_for
from moorage_testing.plans import statements_sent
from moorage_testing.redis import RedisServer

DAYS = {"messages_days": 10, "events_days": 20, "gone_days": 30}
OLD = 11


class Place:
    """A database, the sessions that are there, and what removes what is over."""

    def __init__(self, url: str, **days: int | None) -> None:
        self.engine: AsyncEngine = make_engine(url, DatabaseSettings())
        self.backend = MemoryBackend()
        self.clock = Clock()
        self.metrics = Metrics()
        settings = settings_for(Path("/nowhere"), "redis://localhost", retention=DAYS | days)
        self.retention = Retention(
            self.engine, self.backend, self.clock, settings, self.metrics.retention
        )

    async def session(self, activity: Activity | None = None) -> str:
        """Add a session that is there, made long ago."""
        session_id = random_id()
        spec = SessionSpec(repository=Repository(url=REPOSITORY))
        self.backend.place(NewSession(session_id, "s", spec, labels={}), session_id)
        self.backend.stand(session_id, activity=activity)
        began = self.clock() - timedelta(days=100)
        await self.write(
            sessions, id=session_id, name="s", project_path="/p", archived=False,
            created_at=began, updated_at=began, last_accessed_at=began,
        )  # fmt: skip
        return session_id

    async def write(self, table: Table, **values: Any) -> None:
        async with self.engine.begin() as connection:
            await connection.execute(insert(table).values(**values))

    async def turn(self, session_id: str, name: str, *ages: float) -> None:
        """Add a turn: the user's message and what answers it, each so many days old."""
        moment = self.clock()
        for number, age in enumerate(ages):
            await self.write(
                messages, session_id=session_id, content="x",
                id=f"{name}-{number}" if number else name, turn_id=name if number else None,
                role="assistant" if number else "user", created_at=moment - timedelta(days=age),
            )  # fmt: skip

    async def input(self, session_id: str, name: str, done: float | None) -> None:
        """Add an input that was done so many days ago, or is not."""
        made = self.clock() - timedelta(days=100)
        done_at = None if done is None else self.clock() - timedelta(days=done)
        await self.write(
            inputs, session_id=session_id, id=name, body="{}", created_at=made, done_at=done_at
        )

    async def approval(self, session_id: str, name: str, asked: float, **values: Any) -> None:
        """Add a request of so many days ago, open for 100 days more unless it says otherwise."""
        moment = self.clock()
        await self.write(
            approvals, session_id=session_id, id=name, turn_id="t", tool="Bash", input={},
            summary="x", requested_at=moment - timedelta(days=asked),
            **{"expires_at": moment + timedelta(days=100)} | values,
        )  # fmt: skip

    async def ended(self, session_id: str, name: str, age: float) -> None:
        """Add the end of a turn."""
        await self.write(
            turns, session_id=session_id, turn_id=name, outcome="completed", input_tokens=1,
            output_tokens=1, cost_usd=0.1, duration_ms=1,
            ended_at=self.clock() - timedelta(days=age),
        )  # fmt: skip

    async def gone(self) -> set[str]:
        """Return which sessions are noted as gone."""
        async with self.engine.connect() as connection:
            query = select(sessions.c.id).where(sessions.c.gone_at.is_not(None))
            return set(await connection.scalars(query))

    async def ids(self, table: Table, column: str = "id") -> set[str]:
        """Return what there is of a table."""
        async with self.engine.connect() as connection:
            return set(await connection.scalars(select(table.c[column])))


@pytest.fixture
async def place(database_url: str) -> AsyncIterator[Place]:
    place = Place(database_url)
    yield place
    await place.engine.dispose()


async def test_whole_turns_go_and_young_ones_stay(place: Place) -> None:
    session = await place.session()
    await place.turn(session, "old", OLD, OLD, OLD)
    await place.turn(session, "answered-late", 30, 30, 1)
    await place.turn(session, "young", 9, 9)
    await place.input(session, "old", done=OLD)
    await place.input(session, "young", done=9)
    assert await place.retention.once() == {"messages": 3, "inputs": 1}
    assert await place.ids(messages) == {
        "answered-late", "answered-late-1", "answered-late-2", "young", "young-1",
    }  # fmt: skip
    assert await place.ids(inputs) == {"young"}
    assert await place.retention.once() == {}
    place.clock.turn(days=OLD)
    assert await place.retention.once() == {"messages": 5, "inputs": 1}


@pytest.mark.parametrize("activity", [a for a in Activity if a is not Activity.IDLE])
async def test_a_session_at_work_keeps_all(place: Place, activity: Activity) -> None:
    session = await place.session(activity)
    await place.turn(session, "old", OLD)
    await place.input(session, "old", done=OLD)
    await place.approval(session, "old", 50, resolved_at=place.clock())
    assert await place.retention.once() == {}


async def test_a_session_in_which_something_waits_keeps_its_messages(place: Place) -> None:
    unsent, asking, expired = [await place.session() for _ in range(3)]
    for session in (unsent, asking, expired):
        await place.turn(session, session, OLD)
    await place.input(unsent, "waits", done=None)
    await place.approval(asking, "asks", 50)
    await place.approval(expired, "asked", 1, expires_at=place.clock())
    assert await place.retention.once() == {"messages": 1}
    assert await place.ids(messages) == {unsent, asking}


async def test_events_go_after_their_own_time(place: Place) -> None:
    session = await place.session()
    decided = {"resolved_at": place.clock(), "outcome": "allow"}
    await place.approval(session, "old", 21, **decided)
    await place.approval(session, "old and expired", 21, expires_at=place.clock())
    await place.approval(session, "old and open", 21)
    await place.approval(session, "young", 19, **decided)
    await place.ended(session, "old", 21)
    await place.ended(session, "young", 19)
    assert await place.retention.once() == {"approvals": 2, "turns": 1}
    assert await place.ids(approvals) == {"old and open", "young"}
    assert await place.ids(turns, "turn_id") == {"young"}


async def test_unless_it_is_set_all_is_kept_for_ever(database_url: str) -> None:
    place = Place(database_url, messages_days=None, events_days=None, gone_days=None)
    here, gone = await place.session(), await place.session()
    place.backend.sessions.pop(gone)
    for session in (here, gone):
        await place.turn(session, "old", 10_000)
        await place.ended(session, "old", 10_000)
    for _ in range(2):
        place.clock.turn(days=1000)
        assert await place.retention.once() == {}
    await place.engine.dispose()


async def test_the_audit_is_kept_unless_it_is_told_for_how_long(
    place: Place, database_url: str
) -> None:
    brief = Place(database_url, audit_days=40)
    async with place.engine.begin() as connection:
        for days in (41, 39):
            moment = place.clock() - timedelta(days=days)
            await record(connection, moment, Act(Action.QUOTA_SET, f"{days}"))
    assert await place.retention.once() == {}
    assert await brief.retention.once() == {"audit_records": 1}
    assert await brief.ids(audit_records, "object_id") == {"39"}
    assert await brief.ids(audit_retention, "removable_before") == set()
    await brief.engine.dispose()


async def test_a_session_that_went_goes_with_all_that_is_its_own(database_url: str) -> None:
    place = Place(database_url, messages_days=None, events_days=None)
    here, gone = await place.session(), await place.session()
    for session in (here, gone):
        await place.turn(session, "young", 0, 0)
        await place.input(session, "waits", done=None)
        await place.approval(session, "asks", 0)
        await place.ended(session, "young", 0)
    place.backend.sessions.pop(gone)
    assert await place.retention.once() == {}
    assert await place.gone() == {gone}
    place.clock.turn(days=29.9)
    assert await place.retention.once() == {}
    place.clock.turn(days=0.2)
    assert await place.retention.once() == {
        "messages": 2, "inputs": 1, "approvals": 1, "turns": 1, "sessions": 1
    }  # fmt: skip
    assert await place.ids(sessions) == {here}
    for table in (messages, inputs, approvals, turns):
        assert await place.ids(table, "session_id") == {here}
    await place.engine.dispose()


async def test_a_session_that_is_there_after_all_is_not_gone(place: Place) -> None:
    session = await place.session()
    kept = place.backend.sessions.pop(session)
    await place.retention.once()
    assert await place.gone() == {session}
    place.backend.sessions[session] = kept
    await place.retention.once()
    assert await place.gone() == set()
    place.clock.turn(days=31)
    assert await place.retention.once() == {}


async def test_a_row_is_written_before_its_session_is_there(place: Place) -> None:
    session = await place.session()
    place.backend.sessions.pop(session)
    async with place.engine.begin() as connection:
        await connection.execute(update(sessions).values(created_at=place.clock()))
    await place.retention.once()
    assert await place.gone() == set()
    place.clock.turn(minutes=10)
    await place.retention.once()
    assert await place.gone() == {session}


async def test_while_nobody_knows_which_sessions_there_are_none_is_gone(place: Place) -> None:
    session = await place.session()
    await place.turn(session, "old", OLD)
    place.backend.sessions.clear()
    place.backend.away = True
    assert await place.retention.once() == {}
    assert await place.gone() == set()


async def test_much_is_removed_in_small_steps(place: Place) -> None:
    session = await place.session()
    moment = place.clock() - timedelta(days=OLD)
    same = {"session_id": session, "role": "user", "content": "x", "created_at": moment}
    many = [same | {"id": f"m-{number}"} for number in range(2 * STEP + 1)]
    async with place.engine.begin() as connection:
        await connection.execute(insert(messages), many)
    commits = 0

    def count(*_: object) -> None:
        nonlocal commits
        commits += 1

    with statements_sent(place.engine) as sent:
        event.listen(place.engine.sync_engine, "commit", count)
        assert await place.retention.once() == {"messages": len(many)}
    removed = [one for one in sent if one.text.startswith("DELETE FROM messages")]
    assert [len(one.parameters) for one in removed] == [STEP, STEP, 1]
    assert commits >= len(removed)
    shown = place.metrics.registry.get_sample_value
    assert shown("moorage_rows_removed_total", {"table": "messages"}) == len(many)


async def test_one_replica_does_it_at_a_time(postgres_url: str) -> None:
    place = Place(postgres_url)
    await place.turn(await place.session(), "old", OLD)
    async with place.engine.begin() as other:
        await hold(other)
        assert await place.retention.once() == {}
    assert await place.retention.once() == {"messages": 1}
    await place.engine.dispose()


async def test_what_somebody_writes_at_the_moment_waits(postgres_url: str) -> None:
    place = Place(postgres_url)
    session = await place.session()
    await place.turn(session, "written", OLD)
    await place.turn(session, "old", OLD)
    async with place.engine.begin() as recorder:
        await recorder.execute(
            update(messages).where(messages.c.id == "written").values(content="y")
        )
        async with asyncio.timeout(10):
            assert await place.retention.once() == {"messages": 1}
    assert await place.ids(messages) == {"written"}
    await place.engine.dispose()


async def test_who_asks_over_http_sees_what_is_there(
    redis_server: RedisServer, home: Path, database_url: str
) -> None:
    """What went by itself is seen no more, though its rows stay; what they delete goes at once."""
    settings = settings_for(home, redis_server.url, database_url=database_url)
    async with running_gateway(settings) as gateway:
        went, deleted = await gateway.create(), await gateway.create()
        for session in (went, deleted):
            await gateway.say(session)
        gateway.backend.sessions.pop(went)
        assert (await gateway.client.delete(f"/sessions/{deleted}")).is_success
        assert await retention_of(gateway).once() == {}
        for session in (went, deleted):
            for path in ("", "/messages", "/approvals"):
                answer = await gateway.client.get(f"/sessions/{session}{path}")
                assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
        assert (await gateway.client.get("/sessions")).json()["total"] == 0
        async with gateway.context.engine.connect() as connection:
            kept = set(await connection.scalars(select(messages.c.session_id)))
        assert kept == {went}


def test_every_table_of_a_session_is_emptied_before_its_row_goes() -> None:
    """One that is not would be emptied in one large step, by the reference."""
    theirs = {
        table
        for table in metadata.tables.values()
        if any(key.column.table is sessions for key in table.foreign_keys)
    }
    assert {table.name for table in theirs} == {
        "messages", "inputs", "approvals", "turns",
        "checkpoints", "dead_letters",  # few: one a session, 200 at the most
    }  # fmt: skip
