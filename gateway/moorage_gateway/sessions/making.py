"""Makes a session: its key, its row and its note in one transaction, then the resource.

Whatever is cut off in between is found again by the key: the resource's id stands there before it
is made, making it twice is one, and what is known to be made is never made again (record 0039).
"""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from moorage_api.resources import ClaudeSession
from moorage_gateway.auth.principal import Principal
from moorage_gateway.backends.interface import NewSession, SessionExists
from moorage_gateway.context import Context
from moorage_gateway.errors import KeySpent, NotFound
from moorage_gateway.idempotency.repository import Claim, KeyRepository, KeyUse
from moorage_gateway.quotas.service import QuotaService
from moorage_gateway.repositories.service import RepositoryService
from moorage_gateway.requests import content_digest
from moorage_gateway.sessions.appearing import appeared
from moorage_gateway.sessions.creation import build, row_of
from moorage_gateway.sessions.repository import SessionRepository
from moorage_gateway.sessions.schemas import CreateSession

_SCOPE: Final = "sessions"


@dataclass(frozen=True, slots=True)
class SessionMaker:
    """Makes sessions for one principal."""

    context: Context
    principal: Principal

    @property
    def _owner(self) -> str:
        return self.principal.user_id

    async def make(self, request: CreateSession, key: str | None) -> ClaudeSession:
        """Return the session that the request asks for, new or as it stands under the key."""
        if key is not None:
            return await self._make_once(
                request, KeyUse(self._owner, _SCOPE, key, content_digest(request))
            )
        new = await self._build(request, str(uuid.uuid4()))
        async with self.context.engine.begin() as connection:
            await self._write(connection, request, new)
        try:
            return await self._create(new)
        except Exception:
            async with self.context.engine.begin() as connection:
                await SessionRepository(connection).remove(new.session_id)
            raise

    async def _make_once(self, request: CreateSession, use: KeyUse) -> ClaudeSession:
        """Make it, or go on where the first request with the key was cut off, or return it."""
        async with self.context.engine.connect() as connection:
            claim = await KeyRepository(connection).find(use, self.context.clock())
        if claim is None or claim.done_at is None:
            new = await self._build(request, claim.object_id if claim else str(uuid.uuid4()))
            claim = await self._claim(request, new, use)
            if claim.done_at is None:
                return await self._finish(request, new, use, claim)
        return await self._standing(use, claim)

    async def _claim(self, request: CreateSession, new: NewSession, use: KeyUse) -> Claim:
        """Take the key and write the session down, both or neither."""
        keep = timedelta(hours=self.context.settings.http.idempotency_hours)
        async with self.context.engine.begin() as connection:
            claim = await KeyRepository(connection).claim(
                use, new.session_id, self.context.clock(), keep
            )
            if claim.is_new:
                await self._write(connection, request, new)
            return claim

    async def _finish(
        self, request: CreateSession, new: NewSession, use: KeyUse, claim: Claim
    ) -> ClaudeSession:
        """Make the resource; what fails here goes on with the next try."""
        if not await self._is_written(claim.object_id):
            raise KeySpent(use.key, "session", claim.object_id)  # deleted before it was whole
        if new.session_id != claim.object_id:  # another request with the key was faster
            new = await self._build(request, claim.object_id)
        session = await self._create(new)
        async with self.context.engine.begin() as connection:
            await KeyRepository(connection).finish(use, self.context.clock())
        return session

    async def _is_written(self, session_id: str) -> bool:
        async with self.context.engine.connect() as connection:
            return await SessionRepository(connection).get(session_id) is not None

    async def _build(self, request: CreateSession, session_id: str) -> NewSession:
        sources = await RepositoryService(self.context, self.principal).sources()
        return build(request, session_id, self._owner, sources)

    async def _write(
        self, connection: AsyncConnection, request: CreateSession, new: NewSession
    ) -> None:
        await QuotaService(self.context).admit(connection, self._owner, create=True)
        row = row_of(request, new, self.context.clock())
        await SessionRepository(connection).add(row)

    async def _create(self, new: NewSession) -> ClaudeSession:
        """Create the resource, unless it is there."""
        try:
            return await self.context.backend.create(new)
        except SessionExists:
            session = await appeared(self.context.backend, new.session_id)
            if session is None:
                raise NotFound("session", new.session_id) from None
            return session

    async def _standing(self, use: KeyUse, claim: Claim) -> ClaudeSession:
        """Return the session that was made, if it still is."""
        written = await self._is_written(claim.object_id)
        session = await appeared(self.context.backend, claim.object_id) if written else None
        if session is None:
            raise KeySpent(use.key, "session", claim.object_id)
        return session
