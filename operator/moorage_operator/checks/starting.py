"""Checks for a session on its way to a pod: what it still waits for, and for how long it may."""

from datetime import datetime, timedelta
from typing import Final

from moorage_api.reasons import Reason
from moorage_api.resources import Phase
from moorage_operator.actions import (
    Action,
    CreateClaim,
    CreatePod,
    CreateSecret,
    GrantAccess,
    UpdateSecret,
)
from moorage_operator.backoff import backoff
from moorage_operator.checks.endings import finish
from moorage_operator.checks.pods import waits
from moorage_operator.decision import Case, Decision, after
from moorage_operator.digest import spec_digest
from moorage_operator.endings import MAX_MESSAGE
from moorage_operator.reasons import PodReason

REFUSED_WAIT: Final = timedelta(seconds=30)
"""At most how long until a refused creation is tried again."""


def timed_out(case: Case) -> Decision | None:
    """A session that does not get Ready in time fails."""
    if case.spec is None or case.ready:
        return None
    limit = case.spec.timeouts.start
    ends_at = after(starting_since(case), limit)
    if ends_at is None or ends_at > case.now:
        return None
    message = f"The session was not ready within {limit} (timeouts.start)."
    if case.session.status.message:
        message += f" Last known: {case.session.status.message}"
    return finish(case, Phase.FAILED, Reason.START_TIMEOUT, message)


def starting_since(case: Case) -> datetime | None:
    """Return since when it has had a place and could have become Ready; None if it has none."""
    admitted, ready, live = case.condition("Admitted"), case.condition("Ready"), case.seen.live
    if admitted is None or ready is None or live is None:
        return None
    if admitted.status != "True" or ready.status != "False":
        return None
    return max(admitted.last_transition_time, ready.last_transition_time, live.reachable_since)


def unresolved(case: Case) -> Decision | None:
    """Without a valid spec nothing is started: a template may come, a mistake has to be mended."""
    if case.spec is not None:
        return None
    if not case.mistake:
        name = case.session.spec.template_ref.name if case.session.spec.template_ref else ""
        message = (
            f"There is no ClaudeSessionTemplate {name} in this namespace. Create it; the session "
            "starts then."
        )
        reason: str = PodReason.TEMPLATE_NOT_FOUND
        return Decision(Phase.PENDING, reason, message, admitted=False, event="Warning")
    message = f"The session and its template make no valid spec: {case.mistake}."
    if case.session.status.started_at is None:
        message += " Mend the template and create the session again."
        return finish(case, Phase.FAILED, Reason.SPEC_INVALID, message)
    message += " Mend the template; the session goes on then."
    return Decision(Phase.PENDING, Reason.SPEC_INVALID, message, admitted=False, event="Warning")


def in_line(case: Case) -> Decision | None:
    """Beyond the limits a session waits for its turn."""
    place = case.seen.place
    if not place.number or case.holds("Admitted"):
        return None
    message = f"Waits for its turn: number {place.number} in line for {place.limit}."
    return Decision(Phase.PENDING, Reason.WAITING, message, admitted=False)


def not_yet(case: Case) -> Decision | None:
    """After a pod's end another is started when its time has come."""
    retry_at = case.session.status.retry_at
    return None if retry_at is None or retry_at <= case.now else waits(case)


def without_redis(case: Case) -> Decision | None:
    """Without Redis a runner could do nothing, and its login cannot be made: it waits."""
    if case.seen.live is not None:
        return None
    message = "Redis does not answer. The session starts once it does."
    return Decision(
        Phase.PENDING,
        PodReason.REDIS_UNAVAILABLE,
        message,
        retry_at=case.session.status.retry_at,
        event="Warning",
    )


def refused(case: Case) -> Decision | None:
    """What the API server refuses to create is asked for again after a while; others go on."""
    refusal = case.seen.refusal
    if not refusal:
        return None
    message = (
        f"The cluster refused what the session needs: {refusal[:MAX_MESSAGE]} It is tried again "
        f"every {REFUSED_WAIT.seconds} s; if a quota is used up, end other sessions or raise it."
    )
    return Decision(
        Phase.PENDING,
        PodReason.CREATION_REFUSED,
        message,
        admitted=False,
        retry_at=case.now + backoff(REFUSED_WAIT, 1, case.uid),
        event="Warning",
    )


def start(case: Case) -> Decision:
    """Start the session's pod."""
    message = "Its pod is being created."
    return Decision(Phase.STARTING, Reason.STARTING, message, _creations(case), admitted=True)


def _creations(case: Case) -> tuple[Action, ...]:
    seen, actions = case.seen, list[Action]()
    if case.shape.workspace.kind == "persistent" and not seen.claim:
        actions.append(CreateClaim())
    if seen.secret is None:
        actions.append(CreateSecret())
    elif seen.secret.spec_digest != spec_digest(case.shape):
        actions.append(UpdateSecret())
    if seen.secret is None or (seen.live is not None and not seen.live.access):
        actions.append(GrantAccess())  # a new Secret holds a new login
    return (*actions, CreatePod())
