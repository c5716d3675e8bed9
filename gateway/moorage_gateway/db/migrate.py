"""Brings the database's tables to this version (or back): Alembic, off the event loop.

Everything happens in one transaction, on both databases: a change is made whole or not at all.
Replicas that start at once are safe: one migrates, the others wait and find it done.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from moorage_gateway.db.engine import make_engine
from moorage_gateway.settings import DatabaseSettings

_LOCK: Final = 0x4D6F6F7261676500
"""Which of the server's advisory locks is ours: "Moorage" in letters."""


class DatabaseNewer(RuntimeError):  # noqa: N818 - read as a sentence
    """The tables are of a version that this one does not know."""

    def __init__(self, revision: str) -> None:
        super().__init__(
            f"the database is at revision {revision}, which a newer version of the gateway made: "
            "start that one, or go back with its `moorage-gateway migrate --to`"
        )


class ReferenceBroken(RuntimeError):  # noqa: N818 - read as a sentence
    """After a migration a row refers to one that is not there."""

    def __init__(self, tables: set[str]) -> None:
        super().__init__(f"rows without what they belong to in {', '.join(sorted(tables))}")


def alembic_config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration; its scripts stand beside this module."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.set_main_option("file_template", "%%(rev)s")
    config.attributes["connection"] = connection
    return config


def migrate(url: str, settings: DatabaseSettings, revision: str = "head") -> None:
    """Migrate to ``revision``, up or down; ``base`` removes every table. Blocks: call in a thread.

    Raises:
        DatabaseNewer: if a newer version has been at the tables.
    """
    asyncio.run(_migrate(url, settings, revision))


async def _migrate(url: str, settings: DatabaseSettings, revision: str) -> None:
    # A change of a large table takes as long as it takes, and so does waiting for a replica's.
    unlimited = settings.model_copy(update={"statement_timeout_seconds": 0})
    engine: AsyncEngine = make_engine(url, unlimited)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_run, revision)
    finally:
        await engine.dispose()


def _run(connection: Connection, revision: str) -> None:
    with changing(connection):
        config = alembic_config(connection)
        if _is_back(connection, ScriptDirectory.from_config(config), revision):
            command.downgrade(config, revision)
        else:
            command.upgrade(config, revision)


@contextmanager
def changing(connection: Connection) -> Iterator[None]:
    """Hold a transaction in which tables may be changed, by one process at a time.

    SQLite changes most things of a table by copying it and removing the old one. With references
    enforced that would remove what refers to it too, so they are checked at the end instead.
    """
    if connection.dialect.name != "sqlite":
        with connection.begin():
            connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
            yield
        return
    connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
    # The driver begins no transaction before DDL.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    try:
        yield
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        if broken:
            raise ReferenceBroken({row[0] for row in broken})
        connection.commit()
    finally:
        connection.rollback()
        connection.exec_driver_sql("PRAGMA foreign_keys = ON")


def _is_back(connection: Connection, scripts: ScriptDirectory, revision: str) -> bool:
    """Return whether ``revision`` lies before where the tables are."""
    current = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in scripts.walk_revisions()}
    if current is not None and current not in known:
        raise DatabaseNewer(current)
    if revision == "base":
        return True
    if revision in {"head", current} or current is None:
        return False
    before = scripts.iterate_revisions(current, "base")
    return revision in {script.revision for script in before}
