"""SQLite as it must be told to be: durable, concurrent, strict."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from moorage_gateway.db.engine import open_engine
from moorage_gateway.db.migrate import migrate
from moorage_gateway.settings import DatabaseSettings

SETTINGS = DatabaseSettings()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "new" / "moorage.db"


def url(file: Path) -> str:
    return f"sqlite+aiosqlite:///{file}"


async def test_sqlite_is_durable_concurrent_and_strict(file: Path) -> None:
    async with open_engine(url(file), SETTINGS) as engine, engine.connect() as connection:
        for pragma, expected in (
            ("journal_mode", "wal"),
            ("synchronous", 2),
            ("foreign_keys", 1),
            ("busy_timeout", 10_000),
        ):
            assert await connection.scalar(text(f"PRAGMA {pragma}")) == expected


async def test_writers_at_once_wait_for_each_other(file: Path) -> None:
    async with open_engine(url(file), SETTINGS) as engine:
        async with engine.begin() as connection:
            await connection.execute(text("CREATE TABLE counter (n INTEGER)"))
            await connection.execute(text("INSERT INTO counter VALUES (0)"))

        async def count() -> None:
            async with engine.begin() as connection:
                await connection.scalar(text("SELECT n FROM counter"))
                await connection.execute(text("UPDATE counter SET n = n + 1"))
                await asyncio.sleep(0)

        await asyncio.gather(*(count() for _ in range(50)))
        async with engine.connect() as connection:
            assert await connection.scalar(text("SELECT n FROM counter")) == 50


async def test_what_belongs_to_no_session_is_refused(file: Path) -> None:
    await asyncio.to_thread(migrate, url(file), SETTINGS)
    async with open_engine(url(file), SETTINGS) as engine, engine.connect() as connection:
        with pytest.raises(IntegrityError):
            await connection.execute(
                text("INSERT INTO checkpoints VALUES ('nobody', '0-0', '2026-01-01')")
            )


async def test_a_connection_that_is_stopped_while_it_closes_ends(file: Path) -> None:
    """As SQLAlchemy does where a task is cancelled, and again while its connection is given up."""
    async with open_engine(url(file), SETTINGS) as engine:
        connection = await engine.connect()
        driver: Any = (await connection.get_raw_connection()).driver_connection
        closing = asyncio.create_task(driver.close())
        await asyncio.sleep(0)
        driver.stop()
        await asyncio.wait([closing], timeout=5)
        assert closing.done()
        driver.stop()
        ended = asyncio.create_task(driver.close())
        await asyncio.wait([ended], timeout=5)
        assert ended.done()
        await connection.invalidate()
