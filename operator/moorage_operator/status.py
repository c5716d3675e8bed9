"""The status that follows from a decision and what is seen. Pure.

What a runner says is a claim: it was parsed by the models, and where it could mislead (a time that
is yet to come, an id that is too long, less than was used before) it is cut to what is possible.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from moorage_api.resources import Phase, SessionStatus, Usage
from moorage_operator.actions import CreatePod
from moorage_operator.conditions import conditions
from moorage_operator.decision import Case, Decision
from moorage_operator.names import object_name

QUIET: Final = timedelta(seconds=30)
"""How far usage and the last activity may lag behind where nothing else changes."""

PATIENCE: Final = timedelta(seconds=10)
"""For how long a start that goes well is not told step by step."""

_MINOR: Final = frozenset({"usage", "last_activity_at"})
_MAX_CLAUDE_ID: Final = 64
_MAX_MESSAGE: Final = 8192
_HAS_POD: Final = frozenset({Phase.STARTING, Phase.READY, Phase.SUSPENDING})


def describe(case: Case, decision: Decision) -> SessionStatus:
    """Return the status after the decision; the very same object where nothing is to be written."""
    before = case.session.status
    fields = {
        "observed_generation": case.session.metadata.generation,
        "phase": decision.phase,
        "conditions": conditions(case, decision),
        "message": decision.message[:_MAX_MESSAGE] or None,
        "attempts": before.attempts if decision.attempts is None else decision.attempts,
        "retry_at": decision.retry_at,
        **_times(case, decision),
        **_pod(case, decision),
        **_live(case, decision),
    }
    after = before.model_copy(update=fields)
    return before if _progress(case, after) or _not_worth_writing(before, after) else after


def _times(case: Case, decision: Decision) -> dict[str, datetime | None]:
    before = case.session.status
    times = {
        "started_at": before.started_at,
        "ready_at": before.ready_at,
        "finished_at": before.finished_at,
    }
    if CreatePod() in decision.actions or case.seen.pod is not None:
        times["started_at"] = before.started_at or case.now
    if decision.phase is Phase.READY and not case.holds("Ready"):
        times["ready_at"] = case.now
    if decision.phase.finished:
        times["finished_at"] = before.finished_at or case.now
    return times


def _pod(case: Case, decision: Decision) -> dict[str, str | None]:
    pod, before = case.seen.pod, case.session.status
    if decision.phase.finished:
        return {"pod_name": before.pod_name, "node_name": before.node_name}
    has_pod = pod is not None or decision.phase in _HAS_POD
    return {
        "pod_name": object_name(case.uid) if has_pod else None,
        "pod_uid": pod.uid if pod is not None else before.pod_uid,
        "node_name": pod.node_name if pod is not None else None,
    }


def _live(case: Case, decision: Decision) -> dict[str, Any]:
    """Return what the runner says of itself; what it said before, while nothing is heard."""
    before, state, live = case.session.status, case.state, case.seen.live
    ready = decision.phase is Phase.READY
    metered = live.metered if live is not None else None
    fields: dict[str, Any] = {
        "activity": before.activity if ready else None,
        "pending_approvals": before.pending_approvals if ready else 0,
        "usage": metered or before.usage,
    }
    if state is None:
        return fields
    claude_id = (state.claude_session_id or "")[:_MAX_CLAUDE_ID] or before.claude_session_id
    return fields | {
        "activity": state.activity if ready else None,
        "pending_approvals": len(state.pending_approvals) if ready else 0,
        "usage": metered or _most(before.usage, state.usage),
        "claude_session_id": claude_id,
        "last_activity_at": _latest(before.last_activity_at, case.last_activity),
    }


def _most(one: Usage, other: Usage) -> Usage:
    return Usage(
        input_tokens=max(one.input_tokens, other.input_tokens),
        output_tokens=max(one.output_tokens, other.output_tokens),
        cost_usd=max(one.cost_usd, other.cost_usd),
        turns=max(one.turns, other.turns),
    )


def _latest(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((each for each in (one, other) if each is not None), default=None)


def patient_until(status: SessionStatus) -> datetime | None:
    """Return until when a start that goes well is not told step by step."""
    admitted = next((each for each in status.conditions if each.type == "Admitted"), None)
    if status.phase is not Phase.STARTING or admitted is None or admitted.status != "True":
        return None
    return admitted.last_transition_time + PATIENCE


def _progress(case: Case, after: SessionStatus) -> bool:
    """Whether all that is new is how far a young start is: most are Ready before it is read."""
    until, ready = patient_until(case.session.status), case.condition("Ready")
    if until is None or until <= case.now or after.phase is not Phase.STARTING:
        return False
    reasons = {each.reason for each in after.conditions if each.type == "Ready"}
    same = case.session.status.observed_generation == after.observed_generation
    return same and ready is not None and reasons == {ready.reason}


def _not_worth_writing(before: SessionStatus, after: SessionStatus) -> bool:
    """Whether nothing changed, or only what may lag behind a little."""
    if before == after:
        return True
    changed = {
        name for name in type(after).model_fields if getattr(before, name) != getattr(after, name)
    }
    if not changed <= _MINOR or before.last_activity_at is None or after.last_activity_at is None:
        return False
    return after.last_activity_at - before.last_activity_at < QUIET
