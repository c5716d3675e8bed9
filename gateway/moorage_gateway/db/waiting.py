"""Waits for a database: until it answers, or until its tables are as this version needs them.

For what starts beside the database: the Job that migrates, and the pods that wait for that Job.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from moorage_gateway.db.engine import make_engine
from moorage_gateway.db.migrate import alembic_config
from moorage_gateway.settings import DatabaseSettings

_PAUSE: Final = 1.0


class DatabaseAway(RuntimeError):  # noqa: N818 - read as a sentence
    """The database did not answer in time."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the database does not answer: {reason}")


class TablesBehind(RuntimeError):  # noqa: N818 - read as a sentence
    """Nobody has brought the tables to this version in time."""

    def __init__(self, revision: str | None) -> None:
        super().__init__(
            f"the tables are at {revision or 'nothing'}: `moorage-gateway migrate` brings them to "
            "this version"
        )


def await_database(url: str, settings: DatabaseSettings, seconds: float) -> None:
    """Wait until the database answers. Blocks.

    Raises:
        DatabaseAway: if it does not in time.
    """
    asyncio.run(_until(url, settings, seconds, _answers))


def await_tables(url: str, settings: DatabaseSettings, seconds: float) -> None:
    """Wait until the tables are of this version, or of a newer one, which serves it too. Blocks.

    While a newer version is rolled out, pods of this one go on, and may be moved to another node.

    Raises:
        DatabaseAway: if the database does not answer in time.
        TablesBehind: if nobody brings the tables there in time.
    """
    asyncio.run(_until(url, settings, seconds, _are_here))


async def _until(
    url: str,
    settings: DatabaseSettings,
    seconds: float,
    look: Callable[[AsyncEngine], Awaitable[RuntimeError | None]],
) -> None:
    """Look once a second (nothing tells when a database comes up) until nothing is wanting."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    engine = make_engine(url, settings)
    try:
        while (wanting := await look(engine)) is not None:
            if loop.time() + _PAUSE > end:
                raise wanting
            await asyncio.sleep(_PAUSE)
    finally:
        await engine.dispose()


async def _answers(engine: AsyncEngine) -> RuntimeError | None:
    try:
        async with engine.connect():
            return None
    except OperationalError as error:
        return DatabaseAway(str(error.orig))


async def _are_here(engine: AsyncEngine) -> RuntimeError | None:
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(_behind)
    except OperationalError as error:
        return DatabaseAway(str(error.orig))


def _behind(connection: Connection) -> TablesBehind | None:
    current = MigrationContext.configure(connection).get_current_revision()
    scripts = ScriptDirectory.from_config(alembic_config())
    older = {script.revision for script in scripts.walk_revisions()} - set(scripts.get_heads())
    return TablesBehind(current) if current is None or current in older else None
