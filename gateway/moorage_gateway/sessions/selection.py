"""Which sessions a query asks for. Pure."""

from collections.abc import Sequence, Set
from datetime import UTC, datetime

from moorage_api.resources import ClaudeSession
from moorage_gateway.auth.access import id_of
from moorage_gateway.sessions.schemas import SessionQuery
from moorage_gateway.sessions.view import client_status

_EPOCH = datetime.fromtimestamp(0, UTC)


def select(
    sessions: Sequence[ClaudeSession], archived: Set[str], query: SessionQuery
) -> list[ClaudeSession]:
    """Return the sessions that ``query`` asks for, newest first."""
    found = [session for session in sessions if _matches(session, archived, query)]
    return sorted(found, key=_age, reverse=True)


def _age(session: ClaudeSession) -> tuple[datetime, str]:
    return (session.metadata.creation_timestamp or _EPOCH, id_of(session))


def _matches(session: ClaudeSession, archived: Set[str], query: SessionQuery) -> bool:
    phase = session.status.phase
    status = client_status(phase, archived=id_of(session) in archived)
    url = session.spec.repository.url if session.spec.repository else ""
    return (
        query.status in {None, status}
        and query.phase in {None, phase}
        and query.repository in {None, url}
        and (query.q is None or query.q.lower() in f"{session.metadata.name}\n{url}".lower())
    )
