"""Notes which sessions are gone: by their ttl, by kubectl, or because making them was cut off.

From what there is, not from what a watch told: so nothing is missed that happened while nobody
watched, and a session that is there after all (another cluster's view, a backup that was put back)
loses the note again.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, and_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from moorage_gateway.db.tables import sessions

_YOUNG: Final = timedelta(minutes=10)
"""A row is written before its session is there, or seen."""
_AT_ONCE: Final = 500


async def note_gone(connection: AsyncConnection, present: frozenset[str], moment: datetime) -> int:
    """Note since when sessions are gone; returns how many were found to be."""
    query = select(sessions.c.id, sessions.c.created_at).where(sessions.c.gone_at.is_(None))
    missing = [
        row.id
        for row in await connection.execute(query)
        if row.id not in present and row.created_at <= moment - _YOUNG
    ]
    for some in _parts(missing):
        await _note(connection, sessions.c.id.in_(some), moment)
    for some in _parts(list(present)):
        there = and_(sessions.c.id.in_(some), sessions.c.gone_at.is_not(None))
        await _note(connection, there, None)
    return len(missing)


async def _note(
    connection: AsyncConnection, which: ColumnElement[bool], moment: datetime | None
) -> None:
    await connection.execute(update(sessions).where(which).values(gone_at=moment))


def _parts(ids: Sequence[str]) -> list[Sequence[str]]:
    """Return the ids in parts that fit into a statement."""
    return [ids[at : at + _AT_ONCE] for at in range(0, len(ids), _AT_ONCE)]
