"""Decides what a session needs next and how it stands. Pure: no clock, no chance, no I/O.

``plan`` asks the chain of checks (``checks``), describes what follows from the answer (``status``)
and adds what is kept up beside it. The same input always gives the same plan, and a plan that was
carried out gives one without any write.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pydantic import ValidationError

from moorage_api.resources import (
    Activity,
    ClaudeSession,
    Phase,
    SessionSpec,
    SessionStatus,
    resolve,
)
from moorage_operator.actions import (
    Action,
    CreateSecret,
    Creation,
    DeletePod,
    GrantAccess,
    MarkPod,
    SetSuspend,
)
from moorage_operator.checks import decide
from moorage_operator.decision import Case, Decision
from moorage_operator.due import next_moment
from moorage_operator.observed import RUNNER, Observed
from moorage_operator.status import describe


@dataclass(frozen=True, slots=True)
class PlannedEvent:
    """A Kubernetes Event on the session, for what a person would want to read."""

    kind: Literal["Normal", "Warning"]
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class WriteStatus:
    """Write the session's status."""

    status: SessionStatus


Step = Action | WriteStatus


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done for a session, and when to look at it again at the latest."""

    actions: tuple[Action, ...] = ()
    status: SessionStatus | None = None
    """The status to write; None: it stays as it is."""
    events: tuple[PlannedEvent, ...] = ()
    requeue_after: timedelta | None = None
    spec: SessionSpec | None = None
    """The resolved spec that all this was decided with: what is built is built from it."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """The writes in their order: what is created, the status, what is ended."""
        first = [each for each in self.actions if isinstance(each, Creation)]
        last = [each for each in self.actions if not isinstance(each, Creation)]
        middle = [WriteStatus(self.status)] if self.status is not None else []
        return (*first, *middle, *last)


def plan(session: ClaudeSession, observed: Observed, now: datetime) -> Plan:
    """Return what ``session`` needs now. A session that is being deleted needs nothing."""
    if session.metadata.deletion_timestamp is not None:
        return Plan()
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)  # as timestamps are written
    spec, mistake = _resolved(session, observed)
    case = Case(session, observed, now, spec, mistake)
    decision = decide(case)
    status = describe(case, decision)
    moment = now if _rewrites(decision) else next_moment(case, status)
    return Plan(
        actions=(*_kept_up(case, decision), *decision.actions),
        status=None if status is session.status else status,
        events=_events(case, decision),
        requeue_after=None if moment is None else max(moment - now, timedelta()),
        spec=spec,
    )


def _rewrites(decision: Decision) -> bool:
    """Whether it writes the spec: no watch tells of an own write, and the next step is due then."""
    return any(isinstance(each, SetSuspend) for each in decision.actions)


def _resolved(session: ClaudeSession, observed: Observed) -> tuple[SessionSpec | None, str]:
    if observed.invalid:
        return None, observed.invalid
    if session.spec.template_ref is not None and observed.template is None:
        return None, ""
    try:
        return resolve(session.spec, observed.template), ""
    except ValidationError as error:
        return None, mistakes(error)


def mistakes(error: ValidationError) -> str:
    """Return what a model refused, with the places, as one line without the values."""
    details = error.errors(include_url=False, include_input=False)
    places = (".".join(map(str, each["loc"])) for each in details)
    return "; ".join(
        f"{place}: {each['msg']}" if place else each["msg"]
        for place, each in zip(places, details, strict=True)
    )


def _kept_up(case: Case, decision: Decision) -> tuple[Action, ...]:
    """Return what a pod that stays needs: its Secret, its login, the autoscaler's mark."""
    pod, actions = case.live_pod(), list[Action]()
    if pod is None or decision.phase.finished or DeletePod(pod.uid) in decision.actions:
        return ()
    live = case.seen.live
    missing = case.seen.secret is None and pod.container(RUNNER).state == "waiting"
    if missing and live is not None:
        actions.append(CreateSecret())
    if live is not None and (missing or not live.access):
        actions.append(GrantAccess())
    working = decision.phase is Phase.READY and _activity(case) is Activity.WORKING
    if pod.safe_to_evict == working:
        actions.append(MarkPod(pod.uid, safe_to_evict=not working))
    return tuple(actions)


def _activity(case: Case) -> Activity | None:
    return case.state.activity if case.state is not None else case.session.status.activity


def _events(case: Case, decision: Decision) -> tuple[PlannedEvent, ...]:
    """Tell of a change once: the condition remembers what was told."""
    ready, status = case.condition("Ready"), case.session.status
    told = (status.phase, ready.reason if ready else None, status.attempts)
    attempts = status.attempts if decision.attempts is None else decision.attempts
    if not decision.event or told == (decision.phase, decision.reason, attempts):
        return ()
    return (PlannedEvent(decision.event, decision.reason, decision.message),)
