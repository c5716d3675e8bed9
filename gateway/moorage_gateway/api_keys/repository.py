"""The rows of API keys."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from moorage_gateway.db.tables import api_keys, users


@dataclass(frozen=True, slots=True)
class KeyRow:
    """An API key's row."""

    id: str
    user_id: str
    name: str
    prefix: str
    digest: str
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None = None


class KeyRepository:
    """Reads and writes one user's rows on one connection; the caller commits."""

    def __init__(self, connection: AsyncConnection, user_id: str) -> None:
        self._connection = connection
        self._user_id = user_id
        self._own = api_keys.c.user_id == user_id

    async def add(self, row: KeyRow, most: int) -> bool:
        """Insert a key, unless the user has as many as one may have."""
        # Holds the user's row, so that of two at once the second counts the first one's key.
        await self._connection.execute(
            update(users).where(users.c.id == self._user_id).values(id=self._user_id)
        )
        count = select(func.count()).select_from(api_keys).where(self._own)
        if (await self._connection.scalar(count) or 0) >= most:
            return False
        values = {name: getattr(row, name) for name in KeyRow.__slots__}
        await self._connection.execute(insert(api_keys).values(**values))
        return True

    async def all(self) -> list[KeyRow]:
        """Return the user's keys, oldest first."""
        query = select(api_keys).where(self._own).order_by(api_keys.c.created_at, api_keys.c.id)
        return [KeyRow(**row) for row in (await self._connection.execute(query)).mappings()]

    async def get(self, key_id: str) -> KeyRow | None:
        """Return one of the user's keys."""
        query = select(api_keys).where(self._own, api_keys.c.id == key_id)
        row = (await self._connection.execute(query)).mappings().first()
        return None if row is None else KeyRow(**row)

    async def rename(self, key_id: str, name: str) -> bool:
        """Give one of the user's keys another name; returns whether there is one."""
        renamed = await self._connection.execute(
            update(api_keys).where(self._own, api_keys.c.id == key_id).values(name=name)
        )
        return bool(renamed.rowcount)

    async def remove(self, key_id: str) -> bool:
        """Delete one of the user's keys; returns whether there was one."""
        removed = await self._connection.execute(
            delete(api_keys).where(self._own, api_keys.c.id == key_id)
        )
        return bool(removed.rowcount)
