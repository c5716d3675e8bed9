"""Sessions and what is seen of them, with sensible defaults; each test names what matters to it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from moorage_api.resources import (
    Activity,
    ClaudeSession,
    Condition,
    Phase,
    SessionStatus,
)
from moorage_api.state import SessionState
from moorage_operator.observed import (
    AGENT,
    RUNNER,
    ContainerSeen,
    Live,
    Observed,
    PodSeen,
    SecretSeen,
)

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
UID = "8f0e2a44-6a1c-4d0b-9c55-2f6f0f3c1a77"
POD_UID = "5b9d1c0e-0000-4000-8000-000000000001"
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def session(status: SessionStatus | None = None, **spec: Any) -> ClaudeSession:
    fields: dict[str, Any] = {"repository": {"url": "https://example.com/r.git"}} | spec
    return ClaudeSession.model_validate(
        {
            "metadata": {
                "name": "fix-the-login",
                "namespace": "team-a",
                "uid": UID,
                "generation": 1,
                "creationTimestamp": NOW - HOUR,
            },
            "spec": fields,
            "status": status or SessionStatus(),
        }
    )


def condition(kind: str, holds: str, reason: str = "Running", **fields: Any) -> Condition:
    values = {
        "message": "Well.",
        "last_transition_time": NOW - 10 * MINUTE,
        "observed_generation": 1,
    }
    return Condition.model_validate(
        {"type": kind, "status": holds, "reason": reason} | values | fields
    )


def status(phase: Phase = Phase.READY, **fields: Any) -> SessionStatus:
    """A status as the operator leaves it when the session has been in the phase for 10 minutes."""
    ready = "True" if phase is Phase.READY else "False"
    runs = phase in {Phase.STARTING, Phase.READY, Phase.SUSPENDING}
    reason = fields.pop("reason", "Running" if ready == "True" else "Starting")
    since = fields.pop("since", NOW - 10 * MINUTE)
    values: dict[str, Any] = {
        "observed_generation": 1,
        "phase": phase,
        "message": "As before.",
        "conditions": [
            condition("Admitted", "True" if runs else "False", last_transition_time=since),
            condition("Ready", ready, reason, last_transition_time=since),
        ],
        "pod_uid": POD_UID if runs else None,
        "started_at": NOW - 50 * MINUTE,
    }
    return SessionStatus.model_validate(values | fields)


def runner(**fields: Any) -> ContainerSeen:
    values: dict[str, Any] = {"state": "running", "started_at": NOW - 9 * MINUTE}
    return ContainerSeen(RUNNER, **(values | fields))


def agent(**fields: Any) -> ContainerSeen:
    values: dict[str, Any] = {"state": "running", "started_at": NOW - 9 * MINUTE}
    return ContainerSeen(AGENT, **(values | fields))


def ended(code: int, message: str = "", reason: str = "Error") -> ContainerSeen:
    return runner(state="terminated", exit_code=code, message=message, reason=reason)


def pod(*containers: ContainerSeen, **fields: Any) -> PodSeen:
    """A pod that runs well on a node."""
    values: dict[str, Any] = {"uid": POD_UID, "phase": "Running", "node_name": "node-1"}
    return PodSeen(containers=containers or (runner(), agent()), **(values | fields))


def starting_pod(**fields: Any) -> PodSeen:
    values: dict[str, Any] = {"phase": "Pending", "node_name": None}
    waiting = (ContainerSeen(RUNNER), ContainerSeen(AGENT))
    return pod(*fields.pop("containers", waiting), **(values | fields))


def state(**fields: Any) -> SessionState:
    values = {
        "phase": Phase.READY,
        "activity": Activity.IDLE,
        "start_commit": "c0ffee",
        "last_activity_at": NOW - MINUTE,
    }
    return SessionState.model_validate(values | fields)


def live(says: SessionState | None = None, **fields: Any) -> Live:
    """Redis as it is when the runner gave a sign of life just now."""
    values: dict[str, Any] = {
        "reachable_since": NOW - HOUR,
        "state": says,
        "heartbeat": NOW - timedelta(seconds=2) if says else None,
        "access": True,
    }
    return Live(**(values | fields))


def observed(**fields: Any) -> Observed:
    """Surroundings in which all is prepared and there is no pod."""
    values: dict[str, Any] = {"secret": SecretSeen(), "claim": True, "live": live()}
    return Observed(**(values | fields))


def running(says: SessionState | None = None, **fields: Any) -> Observed:
    """Surroundings in which the session's pod runs well and its runner is heard."""
    return observed(**({"pod": pod(), "live": live(says or state())} | fields))
