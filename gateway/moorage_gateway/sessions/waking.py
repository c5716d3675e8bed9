"""Suspended sessions are woken by whatever gives them work."""

from moorage_api.resources import ClaudeSession, Phase
from moorage_gateway.auth.access import id_of
from moorage_gateway.context import Context


async def wake(context: Context, session: ClaudeSession) -> bool:
    """Run the session again if it is suspended or about to be; returns whether it was."""
    if session.status.phase.finished:
        return False
    if not session.spec.suspend and session.status.phase is not Phase.SUSPENDED:
        return False
    await context.backend.suspend(id_of(session), suspend=False)
    return True
