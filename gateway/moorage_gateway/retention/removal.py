"""Removes rows in small steps: each a short transaction, under a lock that one replica gets.

PostgreSQL gives the lock out for a transaction; whoever does not get it leaves the work to whoever
has it. SQLite has one writer at a time anyway.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from moorage_gateway.db.tables import audit_retention
from moorage_gateway.retention.rules import Doomed

STEP: Final = 500
"""Rows of one transaction; what hangs on a row goes with it."""
MOST: Final = 100 * STEP
"""Rows of one table in one run; the next run goes on. A run has a bounded time, too."""
_PAUSE_SECONDS: Final = 0.01
_LOCK: Final = 0x4D6F6F7261676501
"""Which of the server's advisory locks is ours: "Moorage" in letters, after the migrations'."""


class Busy(Exception):  # noqa: N818 - read as a sentence
    """Another replica is at it."""


async def hold(connection: AsyncConnection) -> None:
    """Hold the lock until the transaction ends.

    Raises:
        Busy: if another one holds it.
    """
    if connection.dialect.name == "postgresql" and not await connection.scalar(
        select(func.pg_try_advisory_xact_lock(_LOCK))
    ):
        raise Busy


async def remove(engine: AsyncEngine, doomed: Doomed) -> int:
    """Remove what is doomed, step by step, and not too much; returns how many rows.

    Raises:
        Busy: if another replica is at it.
    """
    removed = 0
    while removed < MOST:
        async with engine.begin() as connection:
            await hold(connection)
            count = await remove_some(connection, doomed)
        removed += count
        if count < STEP:
            break
        # Whoever waits to write comes in between.
        await asyncio.sleep(_PAUSE_SECONDS)
    return removed


async def remove_some(connection: AsyncConnection, doomed: Doomed) -> int:
    """Remove the next rows; those that somebody writes at this moment wait for the next time.

    Found first and removed by their key: one statement for both is planned as a walk through the
    whole table.
    """
    keys = list(doomed.table.primary_key.columns)
    query = select(*keys).where(doomed.condition).order_by(doomed.order).limit(STEP)
    found = (
        await connection.execute(query.with_for_update(of=doomed.table, skip_locked=True))
    ).all()
    if found:
        names = [f"key_{key.name}" for key in keys]
        same = [key == bindparam(name) for key, name in zip(keys, names, strict=True)]
        rows = [dict(zip(names, row, strict=True)) for row in found]
        async with _declared(connection, doomed.declared_before):
            await connection.execute(delete(doomed.table).where(*same), rows)
    return len(found)


@asynccontextmanager
async def _declared(connection: AsyncConnection, before: datetime | None) -> AsyncIterator[None]:
    """Let records of the audit that are older be deleted, in this transaction and no other."""
    if before is not None:
        await connection.execute(insert(audit_retention).values(removable_before=before))
    yield
    if before is not None:
        await connection.execute(delete(audit_retention))
