"""Says how a session stands, from its spec and what is known of its process. Pure.

What a runner says of itself is a claim: it was parsed by the models, and where it could mislead
a decision (a time that is yet to come, an id that is too long) it is cut to what is possible.
"""

from datetime import datetime
from typing import Any, Literal

from moorage_api.reasons import Reason
from moorage_api.resources import STEADY, Activity, ClaudeSession, Condition, Phase
from moorage_api.state import SessionState
from moorage_gateway.backends.local.observation import Observed

_MAX_CLAUDE_ID = 64
_CLONE_REASONS = frozenset(
    {
        Reason.REPOSITORY_NOT_FOUND,
        Reason.REPOSITORY_REFUSED,
        Reason.REF_NOT_FOUND,
        Reason.DISK_FULL,
        Reason.CLONE_TIMEOUT,
        Reason.CLONE_FAILED,
    }
)
Facts = tuple[Literal["True", "False", "Unknown"], str, str]
"""A condition's status, reason and message."""


def describe(session: ClaudeSession, seen: Observed, now: datetime) -> ClaudeSession:
    """Return the session with a status that says how it stands; the same one if nothing changed."""
    phase = _phase(session, seen)
    changes: dict[str, Any] = {
        "observed_generation": session.metadata.generation,
        "phase": phase,
        "activity": seen.state.activity if seen.state and phase is Phase.READY else None,
        "started_at": session.status.started_at or seen.since,
        **_live(session, seen.state, now),
    }
    if phase is Phase.READY:
        if session.status.phase is not Phase.READY:
            changes["ready_at"] = now
        elif session.status.ready_at and session.status.ready_at + STEADY <= now:
            changes["attempts"] = 0
    if not phase.finished:
        changes["message"] = _message(session, seen, phase)
    described = session.model_copy(update={"status": session.status.model_copy(update=changes)})
    if not phase.finished:
        for kind, facts in _conditions(described, seen).items():
            described = with_condition(described, kind, facts, now)
    return described


def with_condition(session: ClaudeSession, kind: str, facts: Facts, now: datetime) -> ClaudeSession:
    """Return the session with this condition; its time changes only with its status."""
    status, reason, message = facts
    conditions = list(session.status.conditions)
    at = next((n for n, each in enumerate(conditions) if each.type == kind), len(conditions))
    before = conditions[at] if at < len(conditions) else None
    conditions[at:] = [
        Condition(
            type=kind,
            status=status,
            reason=str(reason),
            message=message,
            last_transition_time=(
                before.last_transition_time if before and before.status == status else now
            ),
            observed_generation=session.metadata.generation,
        ),
        *conditions[at + 1 :],
    ]
    return session.model_copy(
        update={"status": session.status.model_copy(update={"conditions": conditions})}
    )


def _phase(session: ClaudeSession, seen: Observed) -> Phase:
    if session.status.phase.finished:
        return session.status.phase
    if session.spec.suspend:
        return Phase.SUSPENDING if seen.running else Phase.SUSPENDED
    if not seen.running:
        return Phase.PENDING
    ready = seen.state is not None and seen.state.phase is Phase.READY and not seen.stopping
    return Phase.READY if ready else Phase.STARTING


def _live(session: ClaudeSession, state: SessionState | None, now: datetime) -> dict[str, Any]:
    if state is None:
        return {}
    live: dict[str, Any] = {
        "usage": state.usage,
        "pending_approvals": len(state.pending_approvals),
    }
    if state.claude_session_id and len(state.claude_session_id) <= _MAX_CLAUDE_ID:
        live["claude_session_id"] = state.claude_session_id
    if state.last_activity_at:
        live["last_activity_at"] = min(state.last_activity_at, now)
    del session
    return live


def _message(session: ClaudeSession, seen: Observed, phase: Phase) -> str | None:
    said = seen.state.message if seen.state else None
    match phase:
        case Phase.READY:
            return said
        case Phase.STARTING:
            return said or "The runner starts."
        case Phase.SUSPENDING | Phase.SUSPENDED:
            return _suspension(session)[1]
        case _ if seen.retry_at is not None and not seen.place:
            return session.status.message
        case _:
            return f"Waits for its turn to start: number {seen.place or 1} in line."


def _suspension(session: ClaudeSession) -> tuple[Reason, str]:
    """Say why it is suspended: a request, unless it is known to be for want of work."""
    for each in session.status.conditions:
        if each.type == "Ready" and each.reason == Reason.IDLE:
            return Reason.IDLE, each.message
    return Reason.REQUESTED, "Suspended on request. A message or a resume lets it go on."


def _conditions(session: ClaudeSession, seen: Observed) -> dict[str, Facts]:
    phase, state = session.status.phase, seen.state
    message = session.status.message or ""
    ready: Facts = ("False", _reason(session, seen), message)
    if phase is Phase.READY:
        ready = ("True", Reason.RUNNING, "The session takes messages.")
    over_budget = state is not None and state.reason == Reason.BUDGET_EXCEEDED
    return {
        "Admitted": _admitted(session, seen, message),
        "RepositoryCloned": _cloned(session, seen, ready),
        "Ready": ready,
        "AwaitingInput": _awaiting(session, seen, ready),
        "Complete": ("False", ready[1], "The session is not over."),
        "BudgetExceeded": (
            ("True", Reason.BUDGET_EXCEEDED, message)
            if over_budget
            else ("False", Reason.RUNNING, "Its budget is not used up.")
        ),
    }


def _reason(session: ClaudeSession, seen: Observed) -> str:
    if session.spec.suspend:
        return _suspension(session)[0]
    if seen.running or seen.retry_at is not None:
        return Reason.STARTING
    return Reason.WAITING


def _admitted(session: ClaudeSession, seen: Observed, message: str) -> Facts:
    if seen.running or seen.retry_at is not None:
        return "True", Reason.RUNNING, "It has its place."
    return "False", _reason(session, seen), message


def _cloned(session: ClaudeSession, seen: Observed, ready: Facts) -> Facts:
    present = any(
        each.type == "RepositoryCloned" and each.status == "True"
        for each in session.status.conditions
    )
    if present or ready[0] == "True" or (seen.state and seen.state.start_commit):
        return "True", Reason.COMPLETED, "The repository is there."
    if seen.state and seen.state.reason in _CLONE_REASONS:
        return "False", seen.state.reason, seen.state.message or ""
    return "False", ready[1], "The repository is not there yet."


def _awaiting(session: ClaudeSession, seen: Observed, ready: Facts) -> Facts:
    """Idle counts only once the spec's own prompt was answered, or a wait would end too early."""
    state = seen.state
    if ready[0] != "True" or state is None:
        return "False", ready[1], ready[2]
    answered = session.spec.prompt is None or state.last_turn_id is not None
    if state.activity is Activity.IDLE and not state.queued and answered:
        return "True", Reason.IDLE, "The session waits for a message."
    return "False", Reason.RUNNING, "The session is working."
