"""The sessions' rows: what the gateway knows of a session beyond its resource."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from moorage_api.events import TurnOutcome
from moorage_api.resources import ClaudeSession
from moorage_gateway.backends.interface import creation_id_of
from moorage_gateway.db.statements import Upsert, insert_once, to_new, upsert
from moorage_gateway.db.tables import sessions, turns
from moorage_gateway.outbox import first_waiting


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session's row."""

    id: str
    name: str
    owner_id: str | None
    context: Any
    metadata: dict[str, Any] | None
    project_path: str
    archived: bool
    created_at: datetime
    updated_at: datetime
    last_accessed_at: datetime
    run_requested_at: datetime | None = None
    creation_id: str | None = None
    """What it was created under; its id too, until the resource's is known."""


_COLUMNS = [sessions.c[name] for name in SessionRow.__slots__]
_PUT: Final = Upsert(
    sessions,
    key=("id",),
    change=to_new("creation_id", "context", "metadata", "project_path", "run_requested_at"),
)
_ACCESSED: Final = Upsert(sessions, key=("id",), change=to_new("last_accessed_at"))
_OUTCOME: Final = (
    select(turns.c.outcome)
    .where(turns.c.session_id == sessions.c.id)
    .order_by(turns.c.ended_at.desc())
    .limit(1)
    .scalar_subquery()
)
_AMONG: Final = sessions.c.id.in_(bindparam("ids", expanding=True))
_RECORDED: Final = select(*_COLUMNS, first_waiting(sessions.c.id), _OUTCOME).where(_AMONG)
_KEPT: Final = select(sessions.c.id).where(_AMONG).with_for_update(read=True, key_share=True)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the database knows of a session."""

    row: SessionRow
    waiting: str | None = None
    """The first message that no runner took yet."""
    outcome: TurnOutcome | None = None
    """How the last turn ended."""


class SessionRepository:
    """Reads and writes rows on one connection; the caller commits."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, row: SessionRow) -> bool:
        """Insert ``row`` unless there is one with its id; returns whether it was inserted."""
        values = {name: getattr(row, name) for name in SessionRow.__slots__}
        return await insert_once(self._connection, sessions, values, key=("id",))

    async def get(self, session_id: str) -> SessionRow | None:
        """Return the row, if there is one."""
        query = select(*_COLUMNS).where(sessions.c.id == session_id)
        row = (await self._connection.execute(query)).first()
        return None if row is None else SessionRow(*row)

    async def of_creation(self, creation_id: str) -> SessionRow | None:
        """Return the row of the session that was created under this id, if there is one."""
        query = select(*_COLUMNS).where(sessions.c.creation_id == creation_id)
        row = (await self._connection.execute(query)).mappings().first()
        return None if row is None else SessionRow(**row)

    async def adopt(self, session: ClaudeSession) -> None:
        """Make the row that was written before the session was there its own, if there is one.

        What the session says of its creation is a claim: owner and name have to be the row's.
        Whoever noticed the session first may have written a row for it: they become one.
        """
        uid, creation_id = session.metadata.uid, creation_id_of(session)
        if uid is None or creation_id is None:
            return
        taken = await self._connection.execute(
            delete(sessions)
            .where(
                sessions.c.id == creation_id,
                sessions.c.creation_id == creation_id,
                sessions.c.owner_id == session.spec.owner,
                sessions.c.name == session.metadata.name,
            )
            .returning(sessions)
        )
        row = taken.mappings().first()
        if row is not None:
            await self._put({**row, "id": uid, "gone_at": None})

    async def _put(self, values: Mapping[str, Any]) -> None:
        """Write a row; where there is one with its id, what only a request could know."""
        await upsert(self._connection, _PUT, values)

    async def access(self, *rows: SessionRow) -> None:
        """Note when sessions were used last; insert those that there are no rows of.

        They are locked until the transaction ends, in the order of their ids: of two that lock
        several sessions none waits for what the other has.
        """
        last = {row.id: row for row in sorted(rows, key=lambda row: (row.id, row.last_accessed_at))}
        values = [
            {name: getattr(row, name) for name in SessionRow.__slots__} for row in last.values()
        ]
        await upsert(self._connection, _ACCESSED, *values)

    async def unmade(self) -> list[str]:
        """Return the creations whose session is not known to be there yet."""
        query = select(sessions.c.id).where(sessions.c.id == sessions.c.creation_id)
        return list((await self._connection.scalars(query)).all())

    async def recorded(self, session_ids: Sequence[str]) -> dict[str, Recorded]:
        """Return what is known of these sessions, of those that have a row."""
        if not session_ids:
            return {}
        found = await self._connection.execute(_RECORDED, {"ids": list(session_ids)})
        return {row.id: Recorded(SessionRow(*row[:-2]), *row[-2:]) for row in found}

    async def archived_ids(self) -> frozenset[str]:
        """Return the ids of all archived sessions."""
        query = select(sessions.c.id).where(sessions.c.archived.is_(True))
        return frozenset((await self._connection.scalars(query)).all())

    async def change(self, session_id: str, values: Mapping[str, Any]) -> None:
        """Set columns of the row."""
        await self._connection.execute(
            update(sessions).where(sessions.c.id == session_id).values(**values)
        )

    async def keep(self, session_ids: Sequence[str]) -> None:
        """Have deletions of these sessions wait until the transaction ends.

        A deletion locks the session's row and then what hangs on it. Who writes several of the
        latter begins with the same row, or the two wait for each other. SQLite locks everything
        at once, and wants a write to begin with.
        """
        if self._connection.dialect.name != "sqlite":
            await self._connection.execute(_KEPT, {"ids": list(session_ids)})

    async def remove(self, session_id: str) -> None:
        """Delete the row with everything that hangs on it."""
        await self._connection.execute(delete(sessions).where(sessions.c.id == session_id))
