"""Migrations on both databases: up and down with data, no drift, one head, several at once."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from moorage_gateway.db import generate as generating
from moorage_gateway.db.engine import make_engine
from moorage_gateway.db.migrate import (
    DatabaseNewer,
    ReferenceBroken,
    alembic_config,
    changing,
    migrate,
)
from moorage_gateway.db.tables import metadata
from moorage_gateway.settings import DatabaseSettings
from moorage_testing.rows import common, contents, fill, reflected

SETTINGS = DatabaseSettings()
SCRIPTS = ScriptDirectory.from_config(alembic_config())
REVISIONS = [script.revision for script in reversed(list(SCRIPTS.walk_revisions()))]
Result = TypeVar("Result")


async def to(url: str, revision: str) -> None:
    await asyncio.to_thread(migrate, url, SETTINGS, revision)


async def within(url: str, look: Callable[[Connection], Result]) -> Result:
    engine = make_engine(url, SETTINGS)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(look)
    finally:
        await engine.dispose()


def names(connection: Connection) -> set[str]:
    return {table.name for table in reflected(connection)}


def test_there_is_one_head_and_every_revision_has_a_way_back() -> None:
    assert SCRIPTS.get_heads() == REVISIONS[-1:]
    assert len(REVISIONS) == len(set(REVISIONS))
    for script in SCRIPTS.walk_revisions():
        assert callable(script.module.downgrade)
        assert script.branch_labels == set()


async def test_up_step_by_step_with_rows_and_down_again(empty_database_url: str) -> None:
    """Every step keeps every row of what is on both of its sides, each way."""
    url = empty_database_url
    for revision in REVISIONS:
        before = await within(url, contents)
        await to(url, revision)
        after = await within(url, contents)
        assert common(before, after) == common(after, before)
        assert before.keys() <= after.keys()
        await within(url, fill)
    assert all((await within(url, contents)).values())
    for revision in reversed(["base", *REVISIONS[:-1]]):
        before = await within(url, contents)
        await to(url, revision)
        after = await within(url, contents)
        assert common(before, after) == common(after, before)
        assert after.keys() <= before.keys()
    assert await within(url, names) == set()


async def test_up_and_down_and_up_again(empty_database_url: str) -> None:
    for _ in range(2):
        await to(empty_database_url, "head")
        assert await within(empty_database_url, names) == set(metadata.tables)
        await to(empty_database_url, "head")  # again changes nothing
        await to(empty_database_url, "base")
        assert await within(empty_database_url, names) == set()


async def test_the_scripts_make_exactly_the_tables(database_url: str) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))

    assert await within(database_url, differences) == []


async def test_the_scripts_make_exactly_what_alembic_does_not_compare(
    dialect: str, database_url: str, empty_database_url: str
) -> None:
    """Cascades, partial indexes, autoincrement, the names of keys."""
    await within(empty_database_url, metadata.create_all)
    look = {"sqlite": _sqlite, "postgresql": _postgresql}[dialect]
    assert await within(database_url, look) == await within(empty_database_url, look)


def _sqlite(connection: Connection) -> dict[str, set[str]]:
    query = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"
    return {
        name: {part.strip() for part in re.split(r"[\n,]+", sql) if part.strip()}
        for name, sql in connection.execute(text(query))
        if name not in {"alembic_version", "sqlite_sequence"}
    }


def _postgresql(connection: Connection) -> set[tuple[str, ...]]:
    queries = (
        """SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
        "SELECT 'index', tablename, indexname, indexdef FROM pg_indexes WHERE schemaname='public'",
        """SELECT 'column', table_name, column_name, concat_ws(' ', data_type,
        character_maximum_length, is_nullable, column_default)
        FROM information_schema.columns WHERE table_schema = 'public'""",
        """SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid)
        FROM pg_trigger WHERE NOT tgisinternal""",
        """SELECT 'function', proname, pg_get_functiondef(oid)
        FROM pg_proc WHERE pronamespace = 'public'::regnamespace""",
    )
    rows = [tuple(row) for query in queries for row in connection.execute(text(query))]
    return {row for row in rows if row[1] != "alembic_version"}


async def test_replicas_that_start_at_once_migrate_once(empty_database_url: str) -> None:
    code = (
        "import sys\n"
        "from moorage_gateway.db.migrate import migrate\n"
        "from moorage_gateway.settings import DatabaseSettings\n"
        "sys.stdin.read(1)\n"
        "migrate(sys.argv[1], DatabaseSettings())\n"
    )
    replicas = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", code, empty_database_url),
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(4)
    ]
    # They have imported what they need and wait; now they begin together.
    ended = await asyncio.gather(*(replica.communicate(b"x") for replica in replicas))
    assert [replica.returncode for replica in replicas] == [0] * 4, ended
    assert await within(empty_database_url, names) == set(metadata.tables)


async def test_tables_of_a_newer_version_are_refused(database_url: str) -> None:
    await within(
        database_url, lambda c: c.execute(text("UPDATE alembic_version SET version_num='x'"))
    )
    with pytest.raises(DatabaseNewer, match="revision x"):
        await to(database_url, "head")


async def test_a_failed_step_leaves_nothing(empty_database_url: str) -> None:
    def fail(connection: Connection) -> None:
        with changing(connection):
            connection.execute(text("CREATE TABLE half (n INTEGER)"))
            raise InterruptedError

    engine = make_engine(empty_database_url, SETTINGS)
    async with engine.connect() as connection:
        with pytest.raises(InterruptedError):
            await connection.run_sync(fail)
    await engine.dispose()
    assert await within(empty_database_url, names) == set()


async def test_a_table_is_copied_without_losing_what_refers_to_it(database_url: str) -> None:
    """SQLite's way to change a table; on PostgreSQL the same script changes it in place."""

    def change(connection: Connection) -> None:
        with changing(connection):
            operations = Operations(MigrationContext.configure(connection))
            with operations.batch_alter_table("sessions") as batch:
                batch.alter_column("name", nullable=True)

    await within(database_url, fill)
    before = await within(database_url, contents)
    engine = make_engine(database_url, SETTINGS)
    async with engine.connect() as connection:
        await connection.run_sync(change)
    await engine.dispose()
    assert before["messages"]
    assert await within(database_url, contents) == before


async def test_broken_references_are_found_before_they_stand(sqlite_url: str) -> None:
    def change(connection: Connection) -> None:
        with changing(connection):
            connection.execute(text("DELETE FROM sessions"))

    await within(sqlite_url, fill)
    engine = make_engine(sqlite_url, SETTINGS)
    async with engine.connect() as connection:
        with pytest.raises(ReferenceBroken, match="messages"):
            await connection.run_sync(change)
    await engine.dispose()
    assert (await within(sqlite_url, contents))["sessions"]


def test_generate_writes_nothing_where_nothing_changed() -> None:
    assert generating.generate("nothing") is None


def test_generate_writes_what_is_missing(tmp_path: Path) -> None:
    """Seen from a folder that has the first migration only, all that came later is missing."""
    first = Path(SCRIPTS.get_revision(REVISIONS[0]).path)
    (tmp_path / first.name).write_bytes(first.read_bytes())
    written = generating.generate("All the rest.", tmp_path)
    assert written == tmp_path / "0002_all_the_rest.py"
    script = written.read_text()
    compile(script, str(written), "exec")
    assert 'down_revision = "0001"' in script.replace("'", '"')
    assert '"users"' in script.replace("'", '"')
    assert "moorage_gateway" not in script


def test_the_command_goes_up_and_down(empty_sqlite_url: str) -> None:
    environment = os.environ | {
        "MOORAGE_AUTH": "none",
        "MOORAGE_REDIS_URL": "redis://localhost:1/0",
        "MOORAGE_DATABASE_URL": empty_sqlite_url,
    }
    for revision in ("head", REVISIONS[0], "head"):
        done = subprocess.run(
            [sys.executable, "-m", "moorage_gateway", "migrate", "--to", revision],
            env=environment,
            capture_output=True,
            check=False,
            text=True,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert revision in done.stdout
        found = asyncio.run(within(empty_sqlite_url, names))
        assert (found == set(metadata.tables)) == (revision == "head")
