"""What users do with their API keys."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from moorage_gateway.api_keys.repository import KeyRepository, KeyRow
from moorage_gateway.api_keys.schemas import CreateKey, KeyList, KeyView, NewKey, PatchKey
from moorage_gateway.audit.acts import Act, Action
from moorage_gateway.audit.record import record
from moorage_gateway.auth.logins import Logins
from moorage_gateway.auth.principal import Principal
from moorage_gateway.auth.tokens import API_KEY, digest_of, new_token, shown_prefix
from moorage_gateway.context import Context
from moorage_gateway.errors import EnoughKeys, NotFound
from moorage_gateway.requests import random_id


@dataclass(frozen=True, slots=True)
class KeyService:
    """One user's keys."""

    context: Context
    logins: Logins
    principal: Principal

    async def create(self, request: CreateKey) -> NewKey:
        """Make a key.

        Raises:
            EnoughKeys: if the user has as many as one may have.
        """
        now, token = self.context.clock(), new_token(API_KEY)
        days = request.expires_in_days
        row = KeyRow(
            id=random_id(),
            user_id=self.principal.user_id,
            name=request.name,
            prefix=shown_prefix(token),
            digest=digest_of(token),
            created_at=now,
            expires_at=None if days is None else now + timedelta(days=days),
        )
        most = self.logins.settings.max_api_keys
        async with self.context.engine.begin() as connection:
            if not await KeyRepository(connection, row.user_id).add(row, most):
                raise EnoughKeys(most)
            act = Act(Action.API_KEY_CREATE, row.id, details={"expiresInDays": days})
            await record(connection, now, act)
        return NewKey(key=token, **_view(row).model_dump())

    async def all(self) -> KeyList:
        """Return the user's keys."""
        async with self.context.engine.connect() as connection:
            rows = await KeyRepository(connection, self.principal.user_id).all()
        return KeyList(api_keys=[_view(row) for row in rows], total=len(rows))

    async def get(self, key_id: str) -> KeyView:
        """Return one of the user's keys.

        Raises:
            NotFound: if there is none of this id, or it is another's.
        """
        async with self.context.engine.connect() as connection:
            row = await KeyRepository(connection, self.principal.user_id).get(key_id)
        if row is None:
            raise NotFound("API key", key_id)
        return _view(row)

    async def rename(self, key_id: str, request: PatchKey) -> KeyView:
        """Give a key another name."""
        async with self.context.engine.begin() as connection:
            keys = KeyRepository(connection, self.principal.user_id)
            if await keys.rename(key_id, request.name):
                await self._record(connection, Action.API_KEY_RENAME, key_id)
        return await self.get(key_id)

    async def remove(self, key_id: str) -> None:
        """Delete a key: it is worth nothing from now on.

        Raises:
            NotFound: if there is none of this id, or it is another's.
        """
        async with self.context.engine.begin() as connection:
            if not await KeyRepository(connection, self.principal.user_id).remove(key_id):
                raise NotFound("API key", key_id)
            await self._record(connection, Action.API_KEY_DELETE, key_id)
        self.logins.authenticator.forget(self.principal.user_id)

    async def _record(self, connection: AsyncConnection, action: Action, key_id: str) -> None:
        await record(connection, self.context.clock(), Act(action, key_id))


def _view(row: KeyRow) -> KeyView:
    return KeyView(
        id=row.id,
        name=row.name,
        prefix=row.prefix,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.used_at,
    )
