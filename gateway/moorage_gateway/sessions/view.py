"""How a session looks to a client: resource, row, live facts and history made one. Pure."""

from dataclasses import dataclass
from typing import Final

from moorage_api.events import TurnOutcome
from moorage_api.resources import Activity, ClaudeSession, Phase
from moorage_gateway.auth.access import id_of
from moorage_gateway.sessions.live import NOTHING, LiveFacts
from moorage_gateway.sessions.repository import SessionRow
from moorage_gateway.sessions.schemas import ClientStatus, SessionView

_BUSY: Final = frozenset({Activity.WORKING, Activity.AWAITING_APPROVAL, Activity.RATE_LIMITED})
_INACTIVE: Final = frozenset({Phase.SUSPENDED, Phase.SUCCEEDED, Phase.FAILED})


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known of one session."""

    session: ClaudeSession
    row: SessionRow
    live: LiveFacts = NOTHING
    waiting: str | None = None
    """The first message that no runner took yet."""
    outcome: TurnOutcome | None = None
    """How the last recorded turn ended."""


def client_status(phase: Phase, *, archived: bool) -> ClientStatus:
    """Return the status that the client's list knows."""
    if archived:
        return "archived"
    return "inactive" if phase in _INACTIVE else "active"


def activity_of(known: Known) -> Activity | None:
    """Return what the session is doing: the runner's word while it lives, else the status's."""
    status = known.session.status
    if status.phase is not Phase.READY:
        return None
    state = known.live.state
    if known.live.alive and state is not None and state.activity is not None:
        return state.activity
    return status.activity


def current_job(known: Known) -> str | None:
    """Return the turn that is worked on, or waits to be."""
    if known.session.status.phase.finished:
        return None
    state = known.live.state
    if state is not None and state.turn_id is not None and known.live.alive:
        return state.turn_id
    return known.waiting


def is_working(known: Known) -> bool:
    """Return whether an answer is to be expected without another message."""
    status = known.session.status
    if status.phase.finished:
        return False
    if current_job(known) is not None or activity_of(known) in _BUSY:
        return True
    state = known.live.state
    if state is not None:
        return state.queued > 0
    return known.session.spec.prompt is not None and known.outcome is None


def view(known: Known) -> SessionView:
    """Return the session as clients see it."""
    session, row = known.session, known.row
    status, state = session.status, known.live.state
    spec_claude = session.spec.claude
    return SessionView(
        id=id_of(session),
        project_path=row.project_path,
        claude_code_session_id=(state and state.claude_session_id) or status.claude_session_id,
        context=row.context,
        status=client_status(status.phase, archived=row.archived),
        metadata=row.metadata,
        is_working=is_working(known),
        current_job_id=current_job(known),
        last_job_status=(state and state.last_turn_outcome) or known.outcome,
        created_at=row.created_at,
        updated_at=max(filter(None, (row.updated_at, status.last_activity_at))),
        last_accessed_at=row.last_accessed_at,
        name=session.metadata.name,
        phase=status.phase,
        activity=activity_of(known),
        repository=session.spec.repository,
        usage=state.usage if state is not None else status.usage,
        budget=session.spec.budget,
        pending_approvals=_pending(known),
        conditions=status.conditions,
        message=status.message,
        permission_mode=(state and state.permission_mode) or spec_claude.permission_mode,
        model=(state and state.model) or spec_claude.model,
    )


def _pending(known: Known) -> int:
    if known.session.status.phase.finished:
        return 0
    state = known.live.state
    return (
        len(state.pending_approvals)
        if state is not None
        else known.session.status.pending_approvals
    )
