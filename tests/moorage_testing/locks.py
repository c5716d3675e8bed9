"""Who waits for a lock of PostgreSQL's: for tests that bring two transactions together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from moorage_testing.live import LIMIT

_WAITING = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


@dataclass(frozen=True)
class Locks:
    """The locks of one database."""

    _connection: AsyncConnection

    async def until_waiting(self, count: int) -> None:
        """Wait until so many connections wait for a lock."""
        async with asyncio.timeout(LIMIT):
            while await self._connection.scalar(_WAITING) != count:  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.01)


@asynccontextmanager
async def looking_at_locks(engine: AsyncEngine) -> AsyncIterator[Locks]:
    """Look by a connection of its own."""
    async with engine.connect() as connection:
        # In a transaction it would see everything as at its first look.
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        yield Locks(connection)
