"""Checks for what ends a session: being over, its lifetime, its own end, what cannot be mended."""

from datetime import datetime, timedelta
from typing import Final, Literal

from moorage_api.reasons import Reason
from moorage_api.resources import Phase
from moorage_operator.actions import Action, DeletePod, DeleteSession, RevokeAccess
from moorage_operator.decision import Case, Decision, after
from moorage_operator.endings import PodEnd, Verdict, diagnose
from moorage_operator.reasons import PodReason

ENDING_LIMIT: Final = timedelta(seconds=30)
"""How long what is left of a pod may take to end by itself: an agent has done so in ten seconds."""


def finished(case: Case) -> Decision | None:
    """Nothing follows the end of a session but its deletion, once its time after it is over."""
    if not case.phase.finished:
        return None
    status = case.session.status
    actions = _cleared(case)
    gone_at = after(status.finished_at, case.shape.timeouts.ttl_after_finished)
    if gone_at is not None and gone_at <= case.now:
        actions = (*actions, DeleteSession())
    ready = case.condition("Ready")
    reason = ready.reason if ready else Reason.COMPLETED
    return Decision(case.phase, reason, status.message or "", actions)


def flooded(case: Case) -> Decision | None:
    """A session that fills Redis ends: no honest runner does, and others need the room."""
    if not case.seen.flooded:
        return None
    message = (
        "The session wrote more to Redis than one may keep there, and was cut off. Something in "
        "its pod may have taken over its runner: look at what it ran before you create another."
    )
    return finish(case, Phase.FAILED, PodReason.EVENT_FLOOD, message)


def lifetime(case: Case) -> Decision | None:
    """A session ends at the end of its lifetime, whatever it is doing."""
    if case.spec is None:
        return None
    limit = case.spec.timeouts.lifetime
    ends_at = after(case.session.metadata.creation_timestamp, limit)
    if ends_at is None or ends_at > case.now:
        return None
    message = (
        f"The session reached its lifetime of {limit} (timeouts.lifetime). Create another to go on."
    )
    return finish(case, Phase.FAILED, Reason.LIFETIME_EXCEEDED, message)


def broken(case: Case) -> Decision | None:
    """A failure that starting again cannot mend counts even while a suspend is wanted."""
    end = _end(case)
    if end is None or end.verdict is not Verdict.BROKEN:
        return None
    return finish(case, Phase.FAILED, end.reason, end.message)


def completed(case: Case) -> Decision | None:
    """A runner that ends with 0 has done all that was asked of the session."""
    end = _end(case)
    if end is None or end.verdict is not Verdict.COMPLETE:
        return None
    return finish(case, Phase.SUCCEEDED, end.reason, end.message)


def finish(case: Case, phase: Phase, reason: str, message: str) -> Decision:
    """Return the decision that the session is over."""
    event: Literal["Normal", "Warning"] = "Normal" if phase is Phase.SUCCEEDED else "Warning"
    return Decision(phase, reason, message, _cleared(case), event=event)


def _end(case: Case) -> PodEnd | None:
    pod = case.seen.pod
    return None if pod is None or case.counted else diagnose(pod)


def left_until(case: Case, finished_at: datetime | None) -> datetime | None:
    """Return until when the session's pod is left to end by itself; None: it is not.

    One of its containers has ended, and that has the other end: the log can be read afterwards,
    which a deletion would take away.
    """
    pod = case.live_pod()
    if pod is None or all(each.state != "terminated" for each in pod.containers):
        return None
    return after(finished_at or case.now, ENDING_LIMIT)


def _cleared(case: Case) -> tuple[Action, ...]:
    """Return what ends all that may still run. A pod that is over stays, for its log."""
    pod, live = case.seen.pod, case.seen.live
    if pod is not None and not pod.over:
        left = left_until(case, case.session.status.finished_at)
        waits = pod.deleting or (left is not None and left > case.now)
        return () if waits else (DeletePod(pod.uid),)
    return (RevokeAccess(),) if live is not None and live.access else ()
