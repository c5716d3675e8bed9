"""Checks for a session that rests: because somebody asked for it, or because nothing happens.

An idle session is suspended as a person would do it, through spec.suspend (decision record 0020);
the Ready condition's reason tells the two apart.
"""

from datetime import datetime, timedelta

from moorage_api.quantities import parse_duration
from moorage_api.reasons import Reason
from moorage_api.resources import Activity, Phase
from moorage_api.state import STALE_SECONDS
from moorage_operator.actions import Action, DeletePod, RevokeAccess, SetSuspend
from moorage_operator.decision import Case, Decision
from moorage_operator.observed import RUNNER


def suspended(case: Case) -> Decision | None:
    """A suspended session has no pod; what it keeps is its workspace."""
    if not case.session.spec.suspend:
        return None
    pod, live = case.seen.pod, case.seen.live
    was_idle = _suspended_idle(case)
    reason, message = _words(case, was_idle=was_idle)
    if was_idle and live is not None and live.inputs_waiting:
        phase = Phase.SUSPENDED if pod is None else Phase.SUSPENDING
        return Decision(phase, reason, message, (SetSuspend(suspend=False),), admitted=False)
    if pod is None:
        return Decision(Phase.SUSPENDED, reason, message, _closed(case), admitted=False)
    actions: tuple[Action, ...] = () if pod.deleting else (DeletePod(pod.uid),)
    return Decision(Phase.SUSPENDING, reason, message, actions)


def _closed(case: Case) -> tuple[Action, ...]:
    """Return what ends the logins of a session without a pod: nobody may use them meanwhile."""
    live = case.seen.live
    return (RevokeAccess(over=False),) if live is not None and live.access else ()


def idle(case: Case) -> Decision | None:
    """A session in which nothing happens for timeouts.idle is suspended."""
    since = idle_since(case)
    if since is None or case.spec is None:
        return None
    limit = case.spec.timeouts.idle
    if since + parse_duration(limit) > case.now:
        return None
    message = (
        f"Suspended after {limit} without work (timeouts.idle). A message or a resume lets it "
        f"go on.{_loss(case)}"
    )
    return Decision(
        Phase.SUSPENDING, Reason.IDLE, message, (SetSuspend(suspend=True),), event="Normal"
    )


def idle_since(case: Case) -> datetime | None:
    """Return since when nothing has happened in the session; None while something does."""
    state, live, pod = case.state, case.seen.live, case.seen.pod
    if not case.ready or state is None or live is None or pod is None or live.heartbeat is None:
        return None
    if live.heartbeat + timedelta(seconds=STALE_SECONDS) < case.now or live.inputs_waiting:
        return None
    if state.activity is not Activity.IDLE or state.queued or state.pending_approvals:
        return None
    known = [case.last_activity, pod.container(RUNNER).started_at]
    ready = case.condition("Ready")
    if ready is not None and ready.status == "True":
        known.append(ready.last_transition_time)
    return max((each for each in known if each is not None), default=None)


def _suspended_idle(case: Case) -> bool:
    ready = case.condition("Ready")
    return ready is not None and ready.status != "True" and ready.reason == Reason.IDLE


def _words(case: Case, *, was_idle: bool) -> tuple[Reason, str]:
    if was_idle and case.session.status.message:
        return Reason.IDLE, case.session.status.message
    words = "Suspended on request. A message or a resume (spec.suspend: false) lets it go on."
    return Reason.REQUESTED, f"{words}{_loss(case)}"


def _loss(case: Case) -> str:
    """Say what an ephemeral workspace means for whoever comes back."""
    if case.shape.workspace.kind == "persistent":
        return ""
    return " Its workspace is ephemeral: it will start from a new clone."
