"""The keys that were used, and for what: claimed in the transaction that makes the object.

A key outlives its object: whoever deletes a session and sends the old request once more (or whose
network does) must not get another session, still less one with the old id (decision record 0039).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from moorage_gateway.db.tables import idempotency_keys as keys
from moorage_gateway.errors import KeyReused


@dataclass(frozen=True, slots=True)
class KeyUse:
    """A key that came with a request."""

    user_id: str
    scope: str
    """What it is unique in: `sessions`, or `messages:` and the session's id."""
    key: str
    digest: str
    """Tells the request's content from another."""

    @property
    def order(self) -> tuple[str, str, str]:
        """Where it comes among others that are taken in one transaction."""
        return self.user_id, self.scope, self.key


@dataclass(frozen=True, slots=True)
class Claim:
    """What stands under a key."""

    object_id: str
    is_new: bool
    """Whether this request is the first: the others leave its object alone."""
    done_at: datetime | None
    """When the object was known to be made whole; None if somebody is at it, or was cut off."""


class KeyRepository:
    """Reads and writes keys on one connection; the caller commits."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def claim(self, use: KeyUse, object_id: str, moment: datetime, keep: timedelta) -> Claim:
        """Take the key for ``object_id``, unless it stands for something else already.

        Whoever comes second waits here until the first has committed.

        Raises:
            KeyReused: if it was used with another content.
        """
        insert = sqlite_insert if self._connection.dialect.name == "sqlite" else postgresql_insert
        fresh = {
            "digest": use.digest,
            "object_id": object_id,
            "expires_at": moment + keep,
            "done_at": None,
        }
        statement = insert(keys).values(user_id=use.user_id, scope=use.scope, key=use.key, **fresh)
        statement = statement.on_conflict_do_update(
            index_elements=["user_id", "scope", "key"],
            set_=fresh,
            where=keys.c.expires_at <= moment,
        )
        taken = await self._connection.execute(statement.returning(keys.c.object_id))
        if taken.first() is not None:
            return Claim(object_id, is_new=True, done_at=None)
        return _claim(use, (await self._connection.execute(_standing(use))).one())

    async def find(self, use: KeyUse, moment: datetime) -> Claim | None:
        """Return what stands under the key, if anything does.

        Raises:
            KeyReused: if it was used with another content.
        """
        query = _standing(use).where(keys.c.expires_at > moment)
        row = (await self._connection.execute(query)).first()
        return None if row is None else _claim(use, row)

    async def finish(self, use: KeyUse, object_id: str, moment: datetime) -> None:
        """Note that the object is whole, and the id that it has then."""
        await self._connection.execute(
            update(keys)
            .where(keys.c.user_id == use.user_id, keys.c.scope == use.scope)
            .where(keys.c.key == use.key)
            .values(object_id=object_id, done_at=moment)
        )


def _standing(use: KeyUse) -> Select[Any]:
    return select(keys.c.digest, keys.c.object_id, keys.c.done_at).where(
        keys.c.user_id == use.user_id, keys.c.scope == use.scope, keys.c.key == use.key
    )


def _claim(use: KeyUse, row: Row[Any]) -> Claim:
    if row.digest != use.digest:
        raise KeyReused(use.key)
    return Claim(row.object_id, is_new=False, done_at=row.done_at)
