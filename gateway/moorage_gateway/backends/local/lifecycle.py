"""What an action changes in a session and in what is known of its process. Pure.

Doing it (starting, signalling, deleting) is the backend's part; that it happened is noted here,
in the same step in which it was decided, so that nothing is ever decided twice.
"""

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from moorage_api.reasons import Reason
from moorage_api.resources import ClaudeSession, Phase
from moorage_gateway.backends.local import policy
from moorage_gateway.backends.local.observation import Observed
from moorage_gateway.backends.local.status import with_condition

Pair = tuple[ClaudeSession, Observed]


def advance(session: ClaudeSession, seen: Observed, action: policy.Action, now: datetime) -> Pair:
    """Return both as they are once ``action`` is under way."""
    match action:
        case policy.Start():
            # Nothing of the run before may be held against this one.
            seen = Observed(running=True, since=now, chance=seen.chance)
        case policy.Stop():
            seen = replace(seen, stopping=True, hung=action.at_once)
        case policy.Forget():
            seen = _forgotten(seen)
        case policy.Retry():
            session, seen = _retried(session, action), replace(_forgotten(seen), retry_at=action.at)
        case policy.Finish():
            session = _finished(session, action, now)
        case policy.SuspendIdle():
            session = _suspended_idle(session, now)
        case policy.Resume():
            session, seen = suspend(session, suspend=False), replace(seen, inputs_waiting=False)
        case policy.Delete():
            session = delete(session, now)
        case policy.Remove():
            pass
        case _:
            assert_never(action)
    return session, seen


def suspend(session: ClaudeSession, *, suspend: bool) -> ClaudeSession:
    """Return the session with spec.suspend set so, as a new generation if that is a change."""
    if session.spec.suspend == suspend:
        return session
    generation = (session.metadata.generation or 0) + 1
    return session.model_copy(
        update={
            "metadata": session.metadata.model_copy(update={"generation": generation}),
            "spec": session.spec.model_copy(update={"suspend": suspend}),
        }
    )


def delete(session: ClaudeSession, now: datetime) -> ClaudeSession:
    """Return the session marked for deletion."""
    if session.metadata.deletion_timestamp is not None:
        return session
    marked = session.metadata.model_copy(update={"deletion_timestamp": now})
    return session.model_copy(update={"metadata": marked})


def _forgotten(seen: Observed) -> Observed:
    return replace(seen, ended=None, stopping=False, hung=False)


def _retried(session: ClaudeSession, action: policy.Retry) -> ClaudeSession:
    attempts = session.status.attempts + 1
    message = f"Attempt {attempts} failed and is made again: {action.ending.message}"
    return _with_status(session, attempts=attempts, message=message)


def _finished(session: ClaudeSession, action: policy.Finish, now: datetime) -> ClaudeSession:
    done = action.phase is Phase.SUCCEEDED
    finished = _with_status(
        session, phase=action.phase, activity=None, finished_at=now, message=action.message
    )
    facts = (action.reason, action.message)
    finished = with_condition(finished, "Ready", ("False", *facts), now)
    finished = with_condition(finished, "AwaitingInput", ("False", *facts), now)
    finished = with_condition(finished, "Complete", ("True" if done else "False", *facts), now)
    if action.reason is Reason.BUDGET_EXCEEDED:
        finished = with_condition(finished, "BudgetExceeded", ("True", *facts), now)
    return finished


def _suspended_idle(session: ClaudeSession, now: datetime) -> ClaudeSession:
    message = f"Suspended after {session.spec.timeouts.idle} without work (timeouts.idle)."
    marked = with_condition(session, "Ready", ("False", Reason.IDLE, message), now)
    return suspend(_with_status(marked, message=message), suspend=True)


def _with_status(session: ClaudeSession, **changes: object) -> ClaudeSession:
    return session.model_copy(update={"status": session.status.model_copy(update=changes)})
