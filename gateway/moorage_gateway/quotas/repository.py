"""The quotas' rows: what an admin set for a user, and the lock under which they are counted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from moorage_gateway.db.tables import quotas, sessions
from moorage_gateway.quotas.usage import Noted


@dataclass(frozen=True, slots=True)
class Override:
    """What an admin set for a user. None: as in the settings; 0: no limit."""

    sessions_running: int | None = None
    sessions_created: int | None = None


class QuotaRepository:
    """Reads and writes quotas on one connection; the caller commits."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def lock(self, user_id: str) -> Override:
        """Return what is set for the user, and let nobody else count theirs until the commit."""
        insert = sqlite_insert if self._connection.dialect.name == "sqlite" else postgresql_insert
        statement = insert(quotas).values(user_id=user_id)
        statement = statement.on_conflict_do_update(
            index_elements=["user_id"], set_={"user_id": user_id}
        )
        row = await self._connection.execute(
            statement.returning(quotas.c.sessions_running, quotas.c.sessions_created)
        )
        return Override(*row.one())

    async def get(self, user_id: str) -> Override:
        """Return what is set for the user."""
        query = select(quotas.c.sessions_running, quotas.c.sessions_created).where(
            quotas.c.user_id == user_id
        )
        row = (await self._connection.execute(query)).first()
        return Override() if row is None else Override(*row)

    async def set(self, user_id: str, values: Mapping[str, int | None], moment: datetime) -> None:
        """Set columns of the user's row."""
        await self.lock(user_id)
        await self._connection.execute(
            update(quotas).where(quotas.c.user_id == user_id).values(**values, updated_at=moment)
        )

    async def noted(self, user_id: str, since: datetime) -> list[Noted]:
        """Return the rows of the user's sessions that were made, or asked to run, since then."""
        recent = or_(sessions.c.created_at > since, sessions.c.run_requested_at > since)
        query = select(sessions.c.id, sessions.c.created_at, sessions.c.run_requested_at).where(
            sessions.c.owner_id == user_id, recent
        )
        return [Noted(*row) for row in await self._connection.execute(query)]

    async def note_run(self, session_id: str, moment: datetime | None) -> None:
        """Note that the session is to run since ``moment``; None: it no longer is."""
        await self._connection.execute(
            update(sessions).where(sessions.c.id == session_id).values(run_requested_at=moment)
        )
