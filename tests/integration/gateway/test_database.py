"""Migrations: up, down, and no drift from the tables; SQLite as it must be told to be."""

import asyncio
import re
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.exc import IntegrityError

from moorage_gateway.db.engine import open_engine
from moorage_gateway.db.migrate import migrate
from moorage_gateway.db.tables import metadata
from moorage_gateway.settings import DatabaseSettings

SETTINGS = DatabaseSettings()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "new" / "moorage.db"


def url(file: Path) -> str:
    return f"sqlite+aiosqlite:///{file}"


def tables(file: Path) -> set[str]:
    engine = create_engine(f"sqlite:///{file}")
    with engine.connect() as connection:
        names = set(inspect(connection).get_table_names())
    engine.dispose()
    return names - {"alembic_version", "sqlite_sequence"}


def test_up_and_down_and_up_again(file: Path) -> None:
    for _ in range(2):
        migrate(url(file), SETTINGS)
        assert tables(file) == set(metadata.tables)
        migrate(url(file), SETTINGS)  # again changes nothing
        migrate(url(file), SETTINGS, "base")
        assert tables(file) == set()


def test_the_scripts_make_exactly_the_tables(file: Path) -> None:
    migrate(url(file), SETTINGS)
    engine = create_engine(f"sqlite:///{file}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert _definitions(connection) == _definitions_of_metadata()
    engine.dispose()


def _definitions(connection: Connection) -> dict[str, set[str]]:
    """Return each table's parts, which the comparison by Alembic leaves out (cascades, autoinc)."""
    query = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"
    return {
        name: {part.strip() for part in re.split(r"[\n,]+", sql) if part.strip()}
        for name, sql in connection.execute(text(query))
        if name not in {"alembic_version", "sqlite_sequence"}
    }


def _definitions_of_metadata() -> dict[str, set[str]]:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        metadata.create_all(connection)
        found = _definitions(connection)
    engine.dispose()
    return found


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
