"""Brings the database's tables to this version (or back): Alembic, off the event loop."""

import asyncio
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from moorage_gateway.db.engine import make_engine
from moorage_gateway.settings import DatabaseSettings

_LOCK: Final = 0x4D6F6F7261676500
"""Which of the server's advisory locks is ours: "Moorage" in letters."""


def alembic_config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration; its scripts stand beside this module."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def migrate(url: str, settings: DatabaseSettings, revision: str = "head") -> None:
    """Migrate to ``revision``; ``base`` removes every table. Blocks: call it from a thread."""
    asyncio.run(_migrate(url, settings, revision))


async def _migrate(url: str, settings: DatabaseSettings, revision: str) -> None:
    engine: AsyncEngine = make_engine(url, settings)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_run, revision)
    finally:
        await engine.dispose()


def _run(connection: Connection, revision: str) -> None:
    if connection.dialect.name == "sqlite":
        # The driver begins no transaction before DDL; one for all leaves nothing half done.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        # Replicas that start at once: one migrates, the others wait and find it done.
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    config = alembic_config(connection)
    if revision == "base":
        command.downgrade(config, revision)
    else:
        command.upgrade(config, revision)
