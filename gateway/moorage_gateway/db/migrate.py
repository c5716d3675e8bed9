"""Brings the database's tables to this version (or back): Alembic, off the event loop."""

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from moorage_gateway.db.engine import make_engine
from moorage_gateway.settings import DatabaseSettings


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
    config = alembic_config(connection)
    if revision == "base":
        command.downgrade(config, revision)
    else:
        command.upgrade(config, revision)
