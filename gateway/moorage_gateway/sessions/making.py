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
from moorage_gateway.backends.interface import NewSession, SessionExists
from moorage_gateway.context import Context
from moorage_gateway.errors import KeySpent, NotFound
from moorage_gateway.idempotency.repository import Claim, KeyRepository, KeyUse
from moorage_gateway.quotas.service import QuotaService
from moorage_gateway.requests import content_digest
from moorage_gateway.sessions.appearing import appeared
from moorage_gateway.sessions.creation import build, row_of
from moorage_gateway.sessions.repository import SessionRepository
from moorage_gateway.sessions.schemas import CreateSession

_SCOPE: Final = "sessions"


@dataclass(frozen=True, slots=True)
class SessionMaker:
    """Makes sessions for one user."""

    context: Context
    owner: str

    async def make(self, request: CreateSession, key: str | None) -> ClaudeSession:
        """Return the session that the request asks for, new or as it stands under the key."""
        new = self._build(request, str(uuid.uuid4()))
        if key is not None:
            use = KeyUse(self.owner, _SCOPE, key, content_digest(request))
            return await self._make_once(request, new, use)
        async with self.context.engine.begin() as connection:
            await self._write(connection, request, new)
        try:
            return await self._create(new)
        except Exception:
            async with self.context.engine.begin() as connection:
                await SessionRepository(connection).remove(new.session_id)
            raise

    async def _make_once(
        self, request: CreateSession, new: NewSession, use: KeyUse
    ) -> ClaudeSession:
        """Make it, or go on where the first request with the key was cut off, or return it."""
        keep = timedelta(hours=self.context.settings.http.idempotency_hours)
        async with self.context.engine.begin() as connection:
            claim = await KeyRepository(connection).claim(
                use, new.session_id, self.context.clock(), keep
            )
            if claim.is_new:
                await self._write(connection, request, new)
            present = await SessionRepository(connection).get(claim.object_id) is not None
        if claim.done_at is not None or not present:
            return await self._standing(use, claim, present=present)
        if not claim.is_new:
            new = self._build(request, claim.object_id)
        session = await self._create(new)  # what fails here goes on with the next try
        async with self.context.engine.begin() as connection:
            await KeyRepository(connection).finish(use, self.context.clock())
        return session

    def _build(self, request: CreateSession, session_id: str) -> NewSession:
        local_paths = self.context.settings.sessions.allow_local_paths
        return build(request, session_id, self.owner, local_paths=local_paths)

    async def _write(
        self, connection: AsyncConnection, request: CreateSession, new: NewSession
    ) -> None:
        await QuotaService(self.context).admit(connection, self.owner, create=True)
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

    async def _standing(self, use: KeyUse, claim: Claim, *, present: bool) -> ClaudeSession:
        """Return the session that was made, if it still is."""
        session = await appeared(self.context.backend, claim.object_id) if present else None
        if session is None:
            raise KeySpent(use.key, "session", claim.object_id)
        return session
