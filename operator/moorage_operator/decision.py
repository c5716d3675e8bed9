"""What a check answers with, and the case that it is asked about."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from moorage_api.quantities import parse_duration
from moorage_api.resources import ClaudeSession, Condition, Phase, SessionSpec
from moorage_api.state import SessionState
from moorage_operator.actions import Action
from moorage_operator.observed import RUNNER, Observed, PodSeen

SKEW: Final = timedelta(minutes=1)
"""How far a node's clock may be ahead."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a session stands from now on, why, and what is to be done."""

    phase: Phase
    reason: str
    message: str
    actions: tuple[Action, ...] = ()
    admitted: bool | None = None
    """Whether it has a place among those that run; None: that stays as it is."""
    attempts: int | None = None
    """Failures in a row; None: that stays as it is."""
    retry_at: datetime | None = None
    event: Literal["", "Normal", "Warning"] = ""
    """The kind of Kubernetes Event that tells of the change, if any."""
    unknown: bool = False
    """Whether it cannot be told if something of it still runs: a pod that leaves."""


@dataclass(frozen=True, slots=True)
class Case:
    """A session with all that is known of it at one moment."""

    session: ClaudeSession
    seen: Observed
    now: datetime
    spec: SessionSpec | None
    """The spec with its template; None if the two make no valid one now."""
    mistake: str = ""
    """Why there is no resolved spec. Empty: the template is missing."""

    @property
    def uid(self) -> str:
        """The session's id everywhere."""
        return self.session.metadata.uid or ""

    @property
    def phase(self) -> Phase:
        """The phase that the status tells so far."""
        return self.session.status.phase

    @property
    def shape(self) -> SessionSpec:
        """The resolved spec, or the session's own while its template is missing."""
        return self.spec or self.session.spec

    @property
    def counted(self) -> bool:
        """Whether the pod is one whose end was dealt with: it only has to go."""
        pod, status = self.seen.pod, self.session.status
        return pod is not None and status.retry_at is not None and pod.uid == status.pod_uid

    @property
    def state(self) -> SessionState | None:
        """What the present pod's runner says of itself; what one before it said does not count."""
        live, pod = self.seen.live, self.seen.pod
        if live is None or pod is None or live.heartbeat is None:
            return None
        runner = pod.container(RUNNER)
        if runner.state == "waiting" or runner.started_at is None:
            return None
        return live.state if live.heartbeat >= runner.started_at else None

    @property
    def last_activity(self) -> datetime | None:
        """When it last worked, as its runner says; a time that is yet to come is no claim."""
        said = self.state.last_activity_at if self.state is not None else None
        return None if said is None or said > self.now + SKEW else min(said, self.now)

    @property
    def ready(self) -> bool:
        """Whether the session takes messages."""
        pod, state = self.seen.pod, self.state
        if pod is None or state is None or pod.deleting or self.counted:
            return False
        return pod.container(RUNNER).state == "running" and state.phase is Phase.READY

    def condition(self, kind: str) -> Condition | None:
        """Return the status' condition of this type, if there is one."""
        every = self.session.status.conditions
        return next((each for each in every if each.type == kind), None)

    def holds(self, kind: str) -> bool:
        """Whether the status' condition of this type is True."""
        condition = self.condition(kind)
        return condition is not None and condition.status == "True"

    def live_pod(self) -> PodSeen | None:
        """Return the pod, if something in it may still run and nobody told it to end."""
        pod = self.seen.pod
        return None if pod is None or pod.over or pod.deleting else pod


def after(start: datetime | None, duration: str | timedelta) -> datetime | None:
    """Return the moment ``duration`` after ``start``."""
    if start is None:
        return None
    return start + (parse_duration(duration) if isinstance(duration, str) else duration)
