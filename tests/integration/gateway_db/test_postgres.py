"""PostgreSQL as it is told to be: limits, prepared statements, errors that mean "later"."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import Update, insert, select, text, update
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine

from moorage_api.base import now
from moorage_gateway.db.engine import make_engine, open_engine
from moorage_gateway.db.statistics import PoolStatistics, pool_statistics
from moorage_gateway.db.tables import sessions
from moorage_gateway.settings import DatabaseSettings
from moorage_testing.live import until
from moorage_testing.postgres import PostgresServer

SETTINGS = DatabaseSettings()


@asynccontextmanager
async def engine_with(url: str, **changes: object) -> AsyncIterator[AsyncEngine]:
    engine = make_engine(url, SETTINGS.model_copy(update=changes))
    yield engine
    await engine.dispose()


async def test_the_limits_are_the_connections(postgres_url: str) -> None:
    async with (
        engine_with(postgres_url, statement_timeout_seconds=2.5) as engine,
        engine.connect() as connection,
    ):
        for name, value in (
            ("statement_timeout", "2500ms"),
            ("idle_in_transaction_session_timeout", "2500ms"),
            ("application_name", "moorage-gateway"),
            ("jit", "off"),
        ):
            assert await connection.scalar(text(f"SHOW {name}")) == value


async def test_a_statement_that_takes_too_long_ends(postgres_url: str) -> None:
    async with engine_with(postgres_url, statement_timeout_seconds=0.05) as engine:
        async with engine.connect() as connection:
            with pytest.raises(OperationalError, match="statement timeout"):
                await connection.execute(text("SELECT pg_sleep(30)"))
        async with engine.connect() as connection:
            assert await connection.scalar(text("SELECT 1")) == 1


async def test_a_statements_own_mistake_is_no_outage(postgres_url: str) -> None:
    async with engine_with(postgres_url) as engine, engine.connect() as connection:
        with pytest.raises(ProgrammingError):
            await connection.execute(text("SELECT nothing_like_it"))


async def test_values_are_in_no_error(postgres_url: str) -> None:
    async with engine_with(postgres_url) as engine, engine.connect() as connection:
        with pytest.raises(ProgrammingError) as raised:
            await connection.execute(text("SELECT nothing_like(:x)"), {"x": "geheim"})
        assert "geheim" not in str(raised.value)


async def test_a_deadlock_means_later(postgres_url: str) -> None:
    moment = now()
    async with engine_with(postgres_url) as engine:
        async with engine.begin() as connection:
            for name in "ab":
                await connection.execute(
                    insert(sessions).values(
                        id=name, name=name, project_path="", archived=False,
                        created_at=moment, updated_at=moment, last_accessed_at=moment,
                    )
                )  # fmt: skip
        met = asyncio.Barrier(2)

        async def cross(first: str, second: str) -> None:
            async with engine.begin() as connection:
                await connection.execute(_rename(first))
                await met.wait()
                await connection.execute(_rename(second))

        results = await asyncio.gather(cross("a", "b"), cross("b", "a"), return_exceptions=True)
    assert [type(result) for result in results if result] == [OperationalError]


def _rename(name: str) -> Update:
    return update(sessions).where(sessions.c.id == name).values(name="x")


async def prepared(engine: AsyncEngine) -> list[str]:
    """Run a statement three times and return the prepared ones that it left."""
    async with engine.connect() as connection:
        for number in range(3):
            await connection.scalar(select(sessions.c.name).where(sessions.c.id == str(number)))
        query = text("SELECT statement FROM pg_prepared_statements")
        return [row for row in await connection.scalars(query) if "FROM sessions" in row]


async def test_a_statement_is_prepared_once(postgres_url: str) -> None:
    async with engine_with(postgres_url) as engine:
        assert len(await prepared(engine)) == 1


async def test_behind_pgbouncer_none_is_kept_and_nothing_is_set(postgres_url: str) -> None:
    async with engine_with(postgres_url, pgbouncer=True) as engine:
        assert await prepared(engine) == []
        async with engine.connect() as connection:
            assert await connection.scalar(text("SHOW application_name")) == ""


async def test_who_waits_too_long_for_a_connection_is_told(postgres_url: str) -> None:
    changes = {"pool_size": 1, "max_overflow": 1, "pool_timeout_seconds": 0.05}
    async with engine_with(postgres_url, **changes) as engine:
        assert pool_statistics(engine) == PoolStatistics(capacity=2, in_use=0, idle=0)
        async with engine.connect(), engine.connect():
            assert pool_statistics(engine) == PoolStatistics(capacity=2, in_use=2, idle=0)
            with pytest.raises(PoolTimeout):
                await engine.connect()
        assert pool_statistics(engine) == PoolStatistics(capacity=2, in_use=0, idle=1)


async def test_all_connections_are_there_from_the_start(database_url: str) -> None:
    async with open_engine(database_url, SETTINGS) as engine:
        assert pool_statistics(engine).idle == SETTINGS.pool_size


async def test_a_cancelled_request_leaves_no_connection_behind(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    async with engine_with(postgres_url, pool_size=2) as engine:
        for number in range(40):
            task = asyncio.create_task(_sleep(engine))
            await asyncio.sleep(number / 2000)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert pool_statistics(engine).in_use == 0
        name = postgres_url.partition("/test_")[2].partition("?")[0]
        query = f"SELECT count(*) FROM pg_stat_activity WHERE datname = 'test_{name}'"  # noqa: S608
        await until(lambda: int(postgres_server.sql(query)) <= 2)


async def _sleep(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.execute(text("SELECT pg_sleep(0.01)"))
