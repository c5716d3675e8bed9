"""Checks for a session that has a pod, or should have one: how the pod does and how it went.

Every end is dealt with once. That it was is recorded in the status before the pod is deleted:
retryAt says when another is due, podUid which pod is done with.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from moorage_api.base import format_timestamp
from moorage_api.quantities import parse_duration
from moorage_api.reasons import Reason
from moorage_api.resources import STEADY, Phase
from moorage_api.state import STALE_SECONDS
from moorage_operator.actions import Action, DeletePod
from moorage_operator.backoff import backoff
from moorage_operator.checks.endings import finish
from moorage_operator.decision import Case, Decision
from moorage_operator.endings import GONE, PodEnd, Verdict, departure, diagnose
from moorage_operator.observed import RUNNER, PodSeen
from moorage_operator.reasons import PodReason

SILENT_LIMIT: Final = timedelta(seconds=STALE_SECONDS * 3)
"""How long a runner may give no sign of life before its pod is replaced."""


def counted(case: Case) -> Decision | None:
    """A pod whose end was dealt with only has to go."""
    pod = case.seen.pod
    if pod is None or not case.counted:
        return None
    waiting = waits(case)
    return waiting if pod.deleting else replace(waiting, actions=(DeletePod(pod.uid),))


def waits(case: Case) -> Decision:
    """Return the decision to go on waiting as decided before, in the same words."""
    status, ready = case.session.status, case.condition("Ready")
    return Decision(
        Phase.PENDING,
        ready.reason if ready else Reason.STARTING,
        status.message or "",
        retry_at=status.retry_at,
        unknown=ready is not None and ready.status == "Unknown",
    )


def leaving(case: Case) -> Decision | None:
    """A pod that somebody else deletes is waited for; another is started when it is gone."""
    pod = case.seen.pod
    if pod is None or not pod.deleting:
        return None
    if case.phase in {Phase.SUSPENDING, Phase.SUSPENDED}:
        message = "It was resumed while its pod still ends; another is started after that."
        return Decision(
            Phase.PENDING, Reason.STARTING, message, retry_at=case.now, unknown=True, admitted=True
        )
    return replace(again(case, departure(pod)), unknown=True)


def failed(case: Case) -> Decision | None:
    """A pod that failed, or cannot come up, is replaced."""
    pod = case.seen.pod
    end = diagnose(pod) if pod is not None else None
    return None if pod is None or end is None else again(case, end, pod)


def vanished(case: Case) -> Decision | None:
    """A pod that is not there although the status tells of one is replaced."""
    if case.seen.pod is not None or case.phase not in {Phase.STARTING, Phase.READY}:
        return None
    return again(case, GONE)


def silent(case: Case) -> Decision | None:
    """A runner without a sign of life is replaced, if one could have come."""
    pod, since = case.seen.pod, silent_since(case)
    if pod is None or since is None or since + SILENT_LIMIT > case.now:
        return None
    if not pod.node_ready:
        return again(case, departure(pod), pod)
    message = (
        f"The runner gave no sign of life for {SILENT_LIMIT.seconds} s. If this comes again, see "
        "whether its pod reaches Redis and has CPU enough."
    )
    return again(case, PodEnd(Verdict.FAILED, PodReason.RUNNER_SILENT, message), pod)


def silent_since(case: Case) -> datetime | None:
    """Return the last moment with a sign of life; None while none can be expected.

    A sign that was never there, or that Redis lost, proves nothing: the start has its own limit.
    """
    pod, live = case.seen.pod, case.seen.live
    if pod is None or live is None or live.heartbeat is None or not live.access:
        return None
    runner = pod.container(RUNNER)
    if runner.state != "running" or runner.started_at is None:
        return None
    return max(runner.started_at, live.heartbeat, live.reachable_since)


def well(case: Case) -> Decision | None:
    """A pod that is well is starting, or ready once its runner says so."""
    pod = case.seen.pod
    if pod is None:
        return None
    if not case.ready and not _still_ready(case, pod):
        reason, message = _stage(case, pod)
        return Decision(Phase.STARTING, reason, message, admitted=True)
    ready, state = case.condition("Ready"), case.state
    steady = ready and ready.status == "True" and ready.last_transition_time + STEADY <= case.now
    said = state.message if state is not None else case.session.status.message
    return Decision(
        Phase.READY,
        Reason.RUNNING,
        said or "",
        admitted=True,
        attempts=0 if steady else None,
    )


def again(case: Case, end: PodEnd, pod: PodSeen | None = None) -> Decision:
    """Return the decision to start another pod later, or to give up."""
    counts = end.verdict is Verdict.FAILED
    retry, attempts = case.shape.retry, case.session.status.attempts + counts
    if counts and attempts > retry.limit:
        times = "once" if attempts == 1 else f"{attempts} times in a row"
        message = f"It failed {times} (retry.limit: {retry.limit}), at last so: {end.message}"
        over = finish(case, Phase.FAILED, Reason.RETRIES_EXHAUSTED, message)
        return replace(over, attempts=attempts)
    due = case.now + backoff(parse_duration(retry.backoff), attempts, case.uid)
    tries = f" This was failure {attempts} of {retry.limit} allowed in a row." if counts else ""
    actions: tuple[Action, ...] = () if pod is None or pod.deleting else (DeletePod(pod.uid),)
    return Decision(
        Phase.PENDING,
        end.reason,
        f"{end.message}{tries} The next start is due at {format_timestamp(due)}.",
        actions,
        attempts=attempts,
        retry_at=due,
        event="Warning" if counts else "Normal",
    )


def _still_ready(case: Case, pod: PodSeen) -> bool:
    """Whether it was Ready with this very pod and nothing is heard: silence has its own check."""
    known = case.holds("Ready") and case.session.status.pod_uid == pod.uid
    return known and case.state is None and pod.container(RUNNER).state == "running"


def _stage(case: Case, pod: PodSeen) -> tuple[str, str]:
    """Say what a starting pod waits for."""
    if pod.unschedulable:
        message = (
            f"No node takes its pod: {pod.unschedulable} It is scheduled once there is room; "
            "else ask for less in resources.requests or look at nodeSelector and tolerations."
        )
        return PodReason.UNSCHEDULABLE, message
    troubled = next((each for each in pod.containers if each.reason == "ErrImagePull"), None)
    if troubled is not None:
        message = f"The image of the container {troubled.name} could not be pulled yet."
        return PodReason.IMAGE_PULL_FAILED, message
    if pod.container(RUNNER).state != "running":
        return Reason.STARTING, "Its pod is coming up."
    if case.seen.live is None:
        message = "Redis does not answer, so it is not known how far the runner is."
        return PodReason.REDIS_UNAVAILABLE, message
    state = case.state
    return Reason.STARTING, (state.message if state else None) or "The runner starts."
