"""Makes a session: its key, its row and its note in one transaction, then the resource.

Key and row carry the creation's id until the resource is there, and then the resource's own. What
is cut off in between is found again by the creation's id: making it twice is one, and what is known
to be made is never made again (records 0039, 0046). Without a key `Adoption` finds it.
"""

import uuid
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from moorage_api.resources import ClaudeSession
from moorage_gateway.audit.acts import Act, Action, Outcome
from moorage_gateway.audit.record import record
from moorage_gateway.auth.access import id_of
from moorage_gateway.auth.principal import Principal
from moorage_gateway.backends.interface import BackendUnavailable, NewSession, SessionRefused
from moorage_gateway.context import Context
from moorage_gateway.errors import KeySpent, Mistake, RequestInvalid
from moorage_gateway.idempotency.repository import Claim, KeyRepository, KeyUse
from moorage_gateway.quotas.service import QuotaService
from moorage_gateway.repositories.service import RepositoryService
from moorage_gateway.requests import content_digest
from moorage_gateway.sessions.appearing import appeared
from moorage_gateway.sessions.creation import build, row_of
from moorage_gateway.sessions.modes import require_allowed
from moorage_gateway.sessions.refusals import in_its_terms
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
        session = await self._create(request, new)
        async with self.context.changes.of(id_of(session)) as connection:
            await SessionRepository(connection).adopt(session)
            await record(connection, self.context.clock(), _made(session, new))
        return session

    async def _create(self, request: CreateSession, new: NewSession) -> ClaudeSession:
        """Create the resource. If it may be there although that failed, its row stays."""
        try:
            return await self._resource(request, new)
        except Exception as error:
            if not isinstance(error, BackendUnavailable) or error.undone:
                async with self.context.engine.begin() as connection:
                    await SessionRepository(connection).remove(new.creation_id)
            raise

    async def _resource(self, request: CreateSession, new: NewSession) -> ClaudeSession:
        try:
            return await self.context.backend.create(new)
        except SessionRefused as error:
            raise in_its_terms(request, error) from None

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
                use, new.creation_id, self.context.clock(), keep
            )
            if claim.is_new:
                await self._write(connection, request, new)
            return claim

    async def _finish(
        self, request: CreateSession, new: NewSession, use: KeyUse, claim: Claim
    ) -> ClaudeSession:
        """Make the resource; what fails here goes on with the next try."""
        async with self.context.engine.connect() as connection:
            row = await SessionRepository(connection).of_creation(claim.object_id)
        if row is None:
            raise KeySpent(use.key, "session", claim.object_id)  # deleted before it was whole
        if row.id != claim.object_id:  # it was made, and somebody noticed
            session = await self._appeared(use, row.id)
        else:
            if new.creation_id != row.id:  # another request with the key was faster
                new = await self._build(request, row.id)
            session = await self._resource(request, replace(new, name=row.name))
        async with self.context.changes.of(id_of(session)) as connection:
            await SessionRepository(connection).adopt(session)
            await KeyRepository(connection).finish(use, id_of(session), self.context.clock())
            await record(connection, self.context.clock(), _made(session, new))
        return session

    async def _build(self, request: CreateSession, creation_id: str) -> NewSession:
        if "permission_mode" in request.claude.model_fields_set:
            allowed = self.context.settings.sessions.permission_modes
            require_allowed(request.claude.permission_mode, "claude.permissionMode", allowed)
        sources = await RepositoryService(self.context, self.principal).sources()
        template = None
        if request.template is not None:
            template = await self.context.backend.template(request.template)
            if template is None:
                raise RequestInvalid([Mistake("template", "there is no template of this name")])
        return build(request, creation_id, self._owner, sources, template)

    async def _write(
        self, connection: AsyncConnection, request: CreateSession, new: NewSession
    ) -> None:
        await QuotaService(self.context).admit(connection, self._owner, create=True)
        moment = self.context.clock()
        await SessionRepository(connection).add(row_of(request, new, moment))
        await record(connection, moment, _asked(new))

    async def _standing(self, use: KeyUse, claim: Claim) -> ClaudeSession:
        """Return the session that was made, if it still is."""
        async with self.context.engine.connect() as connection:
            row = await SessionRepository(connection).get(claim.object_id)
        if row is None:
            raise KeySpent(use.key, "session", claim.object_id)
        return await self._appeared(use, row.id)

    async def _appeared(self, use: KeyUse, session_id: str) -> ClaudeSession:
        session = await appeared(self.context.backend, session_id)
        if session is None:
            raise KeySpent(use.key, "session", session_id)
        return session


def _asked(new: NewSession) -> Act:
    details = {"permissionMode": new.spec.claude.permission_mode}
    return Act(Action.SESSION_CREATE, new.creation_id, Outcome.ASKED, details=details)


def _made(session: ClaudeSession, new: NewSession) -> Act:
    details = {"creationId": new.creation_id}
    session_id = id_of(session)
    return Act(Action.SESSION_CREATE, session_id, session_id=session_id, details=details)
