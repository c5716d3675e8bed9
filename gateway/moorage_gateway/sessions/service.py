"""What can be done with sessions."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from moorage_api.resources import ClaudeSession
from moorage_gateway.audit.acts import Act, Action, Outcome
from moorage_gateway.audit.record import record
from moorage_gateway.auth.access import id_of, visible
from moorage_gateway.auth.principal import Principal
from moorage_gateway.backends.interface import SessionMissing
from moorage_gateway.context import Context
from moorage_gateway.errors import NotFound, SessionFinished
from moorage_gateway.kept.answers import Basis, archived_version
from moorage_gateway.sessions import waking
from moorage_gateway.sessions.creation import row_for
from moorage_gateway.sessions.live import NOTHING, read_live
from moorage_gateway.sessions.making import SessionMaker
from moorage_gateway.sessions.repository import Recorded, SessionRepository
from moorage_gateway.sessions.schemas import (
    CreateSession,
    PatchSession,
    SessionPage,
    SessionQuery,
    SessionView,
)
from moorage_gateway.sessions.selection import select
from moorage_gateway.sessions.view import Known, view

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SessionService:
    """Sessions, as one principal may see and steer them."""

    context: Context
    principal: Principal
    basis: Basis = field(default_factory=Basis)
    """Where to note what an answer is made of."""

    async def create(self, request: CreateSession, key: str | None) -> SessionView:
        """Create a session; with the same key and content again, return the same one.

        Raises:
            KeyReused: if the key was used with another content.
            KeySpent: if the key's session was deleted since.
            QuotaReached: if the user has as many sessions as they may.
        """
        session = await SessionMaker(self.context, self.principal).make(request, key)
        return await self.describe(session)

    async def find(self, query: SessionQuery) -> SessionPage:
        """Return the sessions that ``query`` asks for."""
        self.basis.archived = await archived_version(self.context.pipelined)
        async with self.context.reads.connect() as connection:
            archived = await SessionRepository(connection).archived_ids()
            self.basis.listing = self._visible
            self.basis.listed = self._visible()
            found = select(self.basis.listed, archived, query)
            page = found[query.offset : query.offset + query.limit]
            views = await self._views(connection, page)
        return SessionPage(sessions=views, **query.of(len(found)))

    def _visible(self) -> list[ClaudeSession]:
        return visible(self.context.backend.list(), self.principal)

    async def describe(self, session: ClaudeSession) -> SessionView:
        """Return the session as clients see it."""
        async with self.context.reads.connect() as connection:
            return await self.read(connection, session)

    async def read(self, connection: AsyncConnection, session: ClaudeSession) -> SessionView:
        """Return the session as clients see it, for who reads more on this connection."""
        (found,) = await self._views(connection, [session])
        return found

    async def _views(
        self, connection: AsyncConnection, sessions: Sequence[ClaudeSession]
    ) -> list[SessionView]:
        ids = [id_of(session) for session in sessions]
        # One after the other: who is told that a turn has ended must get all of it.
        live = await read_live(self.context.pipelined, ids)
        recorded = await SessionRepository(connection).recorded(ids)
        moment = self.context.clock()
        views = []
        self.basis.is_whole = live is not None
        for session_id, session in zip(ids, sessions, strict=True):
            stored = recorded.get(session_id) or Recorded(row_for(session, moment))
            facts = (live or {}).get(session_id, NOTHING)
            self.basis.sessions[session_id] = (session, facts)
            views.append(view(Known(session, stored.row, facts, stored.waiting, stored.outcome)))
        return views

    async def patch(self, session: ClaudeSession, request: PatchSession) -> SessionView:
        """Change what the client keeps with the session."""
        moment = self.context.clock()
        values: dict[str, Any] = {"updated_at": moment, "last_accessed_at": moment}
        given = request.model_fields_set
        if "context" in given:
            values["context"] = request.context
        if "metadata" in given:
            values["metadata"] = request.metadata.stored() if request.metadata else None
        if request.status is not None:
            values["archived"] = request.status == "archived"
        archived = request.status is not None
        async with self.context.changes.of(id_of(session), archived=archived) as connection:
            repository = SessionRepository(connection)
            await repository.add(row_for(session, moment))
            await repository.change(id_of(session), values)
            await record(connection, moment, _change(id_of(session), given))
        return await self.describe(session)

    async def delete(self, session: ClaudeSession) -> None:
        """Delete the session, what runs for it, and its history."""
        session_id = id_of(session)
        act = Act(Action.SESSION_DELETE, session_id, Outcome.ASKED, session_id)
        async with self.context.engine.begin() as connection:
            await record(connection, self.context.clock(), act)
        await self.context.backend.delete(session_id)
        async with self.context.engine.begin() as connection:
            repository = SessionRepository(connection)
            await repository.adopt(session)  # else a row of its creation might be left
            await repository.remove(session_id)

    async def suspend(self, session: ClaudeSession, *, suspend: bool) -> SessionView:
        """Stop the session's runner and keep everything; or run it again."""
        phase = session.status.phase
        if phase.finished:
            raise SessionFinished(id_of(session), phase)
        if session.spec.suspend != suspend:
            change = waking.suspend if suspend else waking.resume
            try:
                session = await change(self.context, session)
            except SessionMissing:
                raise NotFound("session", id_of(session)) from None
        return await self.describe(session)


def _change(session_id: str, fields: Collection[str]) -> Act:
    details = {"fields": ",".join(sorted(fields))}
    return Act(Action.SESSION_CHANGE, session_id, session_id=session_id, details=details)
