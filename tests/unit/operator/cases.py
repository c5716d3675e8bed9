"""What the tables of cases have in common."""

from moorage_api.resources import ClaudeSession, Phase
from moorage_operator.actions import (
    Action,
    DeletePod,
    RevokeAccess,
    UpdateSecret,
)
from moorage_operator.observed import ContainerSeen, Observed
from moorage_operator.plan import Plan

from .builders import (
    HOUR,
    MINUTE,
    NOW,
    POD_UID,
    SECOND,
    agent,
    observed,
    runner,
    starting_pod,
    status,
)

Case = tuple[ClaudeSession, Observed, Phase, str, tuple[Action, ...]]
"""A session, what is seen, and what follows: phase, reason of Ready, actions."""

DELETE = DeletePod(POD_UID)
CLOSED = RevokeAccess(over=False)
UPDATED = UpdateSecret()  # the builders' Secret holds no digest, so each start refreshes it


def facts(plan: Plan, before: ClaudeSession) -> tuple[Phase, str]:
    """The phase and the Ready condition's reason after the plan."""
    after = plan.status or before.status
    ready = next((each for each in after.conditions if each.type == "Ready"), None)
    return after.phase, ready.reason if ready else ""


def oom() -> ContainerSeen:
    return agent(state="terminated", exit_code=137, reason="OOMKilled")


def waiting(reason: str) -> Observed:
    stuck = agent(state="waiting", reason=reason, message="why")
    return observed(pod=starting_pod(containers=(runner(), stuck)))


RETRYING = status(Phase.PENDING, reason="OutOfMemory", attempts=1, retry_at=NOW + MINUTE)
DUE = status(Phase.PENDING, reason="OutOfMemory", attempts=1, retry_at=NOW - MINUTE)
IDLE_SUSPENDED = status(Phase.SUSPENDED, reason="Idle", message="Suspended after 30m.")
FAILED = status(Phase.FAILED, reason="StartTimeout", finished_at=NOW - HOUR, message="Why.")
JUST_FAILED = status(
    Phase.FAILED, reason="RetriesExhausted", finished_at=NOW - SECOND, message="Why."
)
JUST_SUCCEEDED = status(
    Phase.SUCCEEDED, reason="Completed", finished_at=NOW - SECOND, message="Done."
)
LONG_STARTING = status(Phase.STARTING)
WORDS = '{"reason": "%s", "message": "Said so."}'
