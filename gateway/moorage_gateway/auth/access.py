"""Which sessions a principal may see: the one check that all routes use."""

import uuid
from collections.abc import Sequence
from typing import Annotated

import structlog
from fastapi import Depends

from moorage_api.resources import ClaudeSession
from moorage_gateway.auth.principal import Principal, PrincipalDep
from moorage_gateway.backends.interface import SessionBackend, SessionMissing
from moorage_gateway.context import ContextDep
from moorage_gateway.errors import NotFound


def may_see(principal: Principal, session: ClaudeSession) -> bool:
    """Return whether ``principal`` may see and steer ``session``. No owner: admins alone."""
    return principal.is_admin or session.spec.owner == principal.user_id


def visible_session(
    backend: SessionBackend, principal: Principal, session_id: str
) -> ClaudeSession:
    """Return the session, if there is one and the principal may see it.

    Raises:
        NotFound: if not; it does not say which of the two.
    """
    try:
        canonical = str(uuid.UUID(session_id))
        if canonical != session_id.lower():
            raise NotFound("session", session_id)
        session = backend.get(canonical)
    except (ValueError, SessionMissing):
        raise NotFound("session", session_id) from None
    if not may_see(principal, session):
        raise NotFound("session", session_id)
    return session


def visible(sessions: Sequence[ClaudeSession], principal: Principal) -> list[ClaudeSession]:
    """Return those of the sessions that the principal may see."""
    return [session for session in sessions if may_see(principal, session)]


async def session_in_path(
    session_id: str, context: ContextDep, principal: PrincipalDep
) -> ClaudeSession:
    """Return the session that the path's ``session_id`` names, as `visible_session` does."""
    session = visible_session(context.backend, principal, session_id)
    structlog.contextvars.bind_contextvars(session=id_of(session))  # in every line from here on
    return session


SessionDep = Annotated[ClaudeSession, Depends(session_in_path)]


def id_of(session: ClaudeSession) -> str:
    """Return the session's id: the resource's UID."""
    uid = session.metadata.uid
    if uid is None:
        raise NotFound("session")
    return uid
