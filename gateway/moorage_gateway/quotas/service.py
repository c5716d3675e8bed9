"""What can be done with quotas: keep to them, show them, set them for a user."""

from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from moorage_api.resources import ClaudeSession
from moorage_gateway.audit.acts import Act, Action
from moorage_gateway.audit.record import record
from moorage_gateway.auth.access import id_of
from moorage_gateway.backends.interface import creation_id_of
from moorage_gateway.context import Context
from moorage_gateway.errors import QuotaReached
from moorage_gateway.quotas.repository import Override, QuotaRepository
from moorage_gateway.quotas.schemas import QuotaView, SetQuotas, UsedQuota
from moorage_gateway.quotas.usage import LAG, Usage, usage


@dataclass(frozen=True, slots=True)
class QuotaService:
    """The quotas of users."""

    context: Context

    async def admit(self, connection: AsyncConnection, owner: str, *, create: bool) -> None:
        """Let one more session of the owner's run (and be created), in the caller's transaction.

        Until that ends nobody else is let in for the same owner, here or at another replica. The
        caller notes in the session's row that it is to run.

        Raises:
            QuotaReached: if they have as many as they may.
        """
        repository = QuotaRepository(connection)
        limits = self._limits(await repository.lock(owner))
        if limits == Usage(running=0, created=0):
            return
        found = await self._usage(repository, owner)
        if create and 0 < limits.created <= found.created:
            raise QuotaReached("sessionsCreated", limits.created, found.created)
        if 0 < limits.running <= found.running:
            raise QuotaReached("sessionsRunning", limits.running, found.running)

    async def describe(self, user_id: str) -> QuotaView:
        """Return what a user may have, and has."""
        async with self.context.engine.connect() as connection:
            repository = QuotaRepository(connection)
            limits = self._limits(await repository.get(user_id))
            found = await self._usage(repository, user_id)
        return QuotaView(
            user_id=user_id,
            sessions_running=UsedQuota(limit=limits.running or None, used=found.running),
            sessions_created=UsedQuota(limit=limits.created or None, used=found.created),
        )

    async def set(self, user_id: str, request: SetQuotas) -> QuotaView:
        """Set what a user may have."""
        moment, given = self.context.clock(), request.model_dump(exclude_unset=True)
        async with self.context.engine.begin() as connection:
            await QuotaRepository(connection).set(user_id, given, moment)
            await record(connection, moment, Act(Action.QUOTA_SET, user_id, details=given))
        return await self.describe(user_id)

    def _limits(self, override: Override) -> Usage:
        settings = self.context.settings.quotas
        running, created = override.sessions_running, override.sessions_created
        return Usage(
            running=settings.sessions_running if running is None else running,
            created=settings.sessions_created if created is None else created,
        )

    async def _usage(self, repository: QuotaRepository, user_id: str) -> Usage:
        known: dict[str, ClaudeSession] = {
            id_of(session): session
            for session in self.context.backend.list()
            if session.spec.owner == user_id
        }
        moment = self.context.clock()
        made = {creation_id_of(session): session_id for session_id, session in known.items()}
        noted = [
            replace(note, session_id=made.get(note.session_id, note.session_id))
            for note in await repository.noted(user_id, moment - LAG)
        ]
        return usage(known, noted, moment)
