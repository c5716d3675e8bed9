"""Suspended sessions are run again: on request, or by whatever gives them work."""

from moorage_api.resources import ClaudeSession, Phase
from moorage_gateway.audit.acts import Act, Action, Outcome
from moorage_gateway.audit.record import record
from moorage_gateway.auth.access import id_of
from moorage_gateway.context import Context
from moorage_gateway.quotas.repository import QuotaRepository
from moorage_gateway.quotas.service import QuotaService
from moorage_gateway.sessions.creation import row_for
from moorage_gateway.sessions.repository import SessionRepository


async def wake(context: Context, session: ClaudeSession) -> bool:
    """Have a session that is suspended, or about to be, run again; returns whether it was.

    Raises:
        QuotaReached: if its owner has as many running as they may.
    """
    if session.status.phase.finished:
        return False
    if not session.spec.suspend:  # then it is being woken already, if it does not run
        return session.status.phase is Phase.SUSPENDED
    await resume(context, session)
    return True


async def resume(context: Context, session: ClaudeSession) -> ClaudeSession:
    """Run the session again.

    Raises:
        QuotaReached: if its owner has as many running as they may.
        SessionMissing: if there is no such session any more.
    """
    moment = context.clock()
    async with context.engine.begin() as connection:
        if session.spec.suspend:  # else it counts already
            if session.spec.owner is not None:
                await QuotaService(context).admit(connection, session.spec.owner, create=False)
            await SessionRepository(connection).add(row_for(session, moment))
            await QuotaRepository(connection).note_run(id_of(session), moment)
        await record(connection, moment, _act(Action.SESSION_RESUME, session))
    return await context.backend.suspend(id_of(session), suspend=False)


async def suspend(context: Context, session: ClaudeSession) -> ClaudeSession:
    """Stop the session's runner; it no longer counts as running.

    Raises:
        SessionMissing: if there is no such session any more.
    """
    async with context.engine.begin() as connection:
        await record(connection, context.clock(), _act(Action.SESSION_SUSPEND, session))
    stopped = await context.backend.suspend(id_of(session), suspend=True)
    async with context.engine.begin() as connection:
        await QuotaRepository(connection).note_run(id_of(session), None)
    return stopped


def _act(action: Action, session: ClaudeSession) -> Act:
    return Act(action, id_of(session), Outcome.ASKED, id_of(session))
