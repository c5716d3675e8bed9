"""The rows of repositories that admins registered."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from moorage_gateway.db.statements import insert_once
from moorage_gateway.db.tables import repositories as table
from moorage_gateway.repositories.sources import Access, KnownRepository


class RepositoryRows:
    """Reads and writes rows on one connection; the caller commits."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def all(self) -> list[KnownRepository]:
        """Return every registered repository, by name."""
        rows = await self._connection.execute(select(table).order_by(table.c.folder_name))
        return [_known(row) for row in rows]

    async def get(self, repository_id: str) -> KnownRepository | None:
        """Return the repository, if there is one."""
        query = select(table).where(table.c.id == repository_id)
        row = (await self._connection.execute(query)).first()
        return None if row is None else _known(row)

    async def add(self, known: KnownRepository, moment: datetime) -> bool:
        """Insert it unless there is one of its name; returns whether it was inserted."""
        values = {
            **_values(known),
            "id": known.id,
            "folder_name": known.folder_name,
            "created_at": moment,
            "updated_at": moment,
        }
        return await insert_once(self._connection, table, values, key=("folder_name",))

    async def change(self, known: KnownRepository, moment: datetime) -> None:
        """Write everything but its id and name."""
        values: Mapping[str, Any] = {**_values(known), "updated_at": moment}
        await self._connection.execute(update(table).where(table.c.id == known.id).values(**values))

    async def remove(self, repository_id: str) -> bool:
        """Delete it; returns whether it was there."""
        result = await self._connection.execute(delete(table).where(table.c.id == repository_id))
        return bool(result.rowcount)


def _values(known: KnownRepository) -> dict[str, Any]:
    return {
        "url": known.url,
        "default_branch": known.default_branch,
        "credentials_secret": known.credentials_secret,
        "everybody": known.access.everybody,
        "users": sorted(known.access.users),
        "groups": sorted(known.access.groups),
    }


def _known(row: Row[Any]) -> KnownRepository:
    return KnownRepository(
        id=row.id,
        folder_name=row.folder_name,
        url=row.url,
        access=Access(row.everybody, frozenset(row.users), frozenset(row.groups)),
        default_branch=row.default_branch,
        credentials_secret=row.credentials_secret,
    )
