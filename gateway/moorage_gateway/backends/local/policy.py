"""Decides what a session needs next. Pure: no clock, no chance, no I/O of its own.

``decide`` asks a chain of small checks, of which the first with an answer counts; ``None`` says
that nothing is to be done until something changes. Each check names what it owns. The order
matters: what ends a session goes before what keeps it running.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from moorage_api.quantities import parse_duration
from moorage_api.reasons import PERMANENT, ExitCode, Reason
from moorage_api.resources import Activity, ClaudeSession, Phase
from moorage_api.resources.meta import Condition
from moorage_api.state import STALE_SECONDS
from moorage_gateway.backends.local.observation import Ending, Observed

SILENT_LIMIT: Final = STALE_SECONDS * 3
"""Seconds without a sign of life after which a runner hangs and is killed."""

_LONGEST_BACKOFF = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Start:
    """Run the session's runner."""


@dataclass(frozen=True, slots=True)
class Stop:
    """End its runner; at once, if it hangs."""

    at_once: bool = False


@dataclass(frozen=True, slots=True)
class Forget:
    """The last run's end needs nothing more."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Note a failure and start again later."""

    at: datetime
    ending: Ending


@dataclass(frozen=True, slots=True)
class Finish:
    """The session is over."""

    phase: Phase
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class SuspendIdle:
    """Ask for a suspend, because nothing happens in the session."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Take that back: an input came at the same moment."""


@dataclass(frozen=True, slots=True)
class Delete:
    """Ask for the session's deletion, its time after the end being over."""


@dataclass(frozen=True, slots=True)
class Remove:
    """Nothing runs for the deleted session: remove what it left."""


Action = Start | Stop | Forget | Retry | Finish | SuspendIdle | Resume | Delete | Remove


@dataclass(frozen=True, slots=True)
class _Case:
    session: ClaudeSession
    seen: Observed
    now: datetime

    @property
    def phase(self) -> Phase:
        return self.session.status.phase

    def past(self, start: datetime | None, duration: str) -> bool:
        """Whether ``duration`` has passed since ``start``."""
        return start is not None and start + parse_duration(duration) <= self.now


_WAIT: Final = "wait"
_Answer = Action | str | None


def decide(session: ClaudeSession, seen: Observed, now: datetime) -> Action | None:
    """Return the next action that brings ``session`` nearer to what it should be."""
    case = _Case(session, seen, now)
    for check in _CHECKS:
        answer = check(case)
        if answer is not None:
            return None if isinstance(answer, str) else answer
    return None


def idle_is_over(session: ClaudeSession, seen: Observed, now: datetime) -> bool:
    """Whether the session has been idle for so long that it is to be suspended."""
    state = seen.state
    if session.status.phase is not Phase.READY or state is None:
        return False
    if state.activity is not Activity.IDLE or state.queued or state.pending_approvals:
        return False
    claimed = min(state.last_activity_at or now, now)
    known = [each for each in (seen.since, session.status.ready_at) if each]
    last = max([claimed, *known] if state.last_activity_at else known, default=None)
    return _Case(session, seen, now).past(last, session.spec.timeouts.idle)


def rests_until(session: ClaudeSession, seen: Observed) -> datetime | None:
    """Return until when only a person's word can change the session; None: it needs looking at.

    Most sessions of a long-lived gateway are over or suspended. They are left alone until then.
    """
    if seen.running or seen.ended or session.metadata.deletion_timestamp:
        return None
    status, timeouts = session.status, session.spec.timeouts
    if status.phase.finished and status.finished_at:
        return status.finished_at + parse_duration(timeouts.ttl_after_finished)
    created = session.metadata.creation_timestamp
    if status.phase is Phase.SUSPENDED and session.spec.suspend and created:
        return created + parse_duration(timeouts.lifetime)
    return None


def suspended_idle(session: ClaudeSession) -> bool:
    """Whether it was suspended for want of work, not because somebody asked for it."""
    ready = condition(session, "Ready")
    return session.spec.suspend and ready is not None and ready.reason == Reason.IDLE


def condition(session: ClaudeSession, kind: str) -> Condition | None:
    """Return the condition of this type, if there is one."""
    return next((each for each in session.status.conditions if each.type == kind), None)


def _deletion(case: _Case) -> _Answer:
    if case.session.metadata.deletion_timestamp is None:
        return None
    return _stopped(case) or Remove()


def _finished(case: _Case) -> _Answer:
    if not case.phase.finished:
        return None
    if answer := _stopped(case):
        return answer
    timeouts = case.session.spec.timeouts
    if case.past(case.session.status.finished_at, timeouts.ttl_after_finished):
        return Delete()
    return Forget() if case.seen.ended else _WAIT


def _stopped(case: _Case) -> Stop | str | None:
    """Answer with what stops the runner; None once it is stopped."""
    if not case.seen.running:
        return None
    return _WAIT if case.seen.stopping else Stop()


def _lifetime(case: _Case) -> _Answer:
    lifetime = case.session.spec.timeouts.lifetime
    if not case.past(case.session.metadata.creation_timestamp, lifetime):
        return None
    message = f"The session reached its lifetime of {lifetime} (timeouts.lifetime)."
    return Finish(Phase.FAILED, Reason.LIFETIME_EXCEEDED, message)


def _completed(case: _Case) -> _Answer:
    ended = case.seen.ended
    if ended is None or ended.code != ExitCode.COMPLETE or case.seen.stopping:
        return None
    return Finish(Phase.SUCCEEDED, Reason.COMPLETED, "The session is complete.")


def _broken(case: _Case) -> _Answer:
    """A failure that starting again cannot mend counts even while a suspend is wanted."""
    ended = case.seen.ended
    if ended is None or not _is_failure(case.seen) or ended.reason not in PERMANENT:
        return None
    return Finish(Phase.FAILED, ended.reason, ended.message)


def _suspension(case: _Case) -> _Answer:
    if not case.session.spec.suspend:
        return None
    if case.seen.inputs_waiting and suspended_idle(case.session):
        return Resume()
    return _stopped(case) or (Forget() if case.seen.ended else _WAIT)


def _failure(case: _Case) -> _Answer:
    ended = case.seen.ended
    if ended is None:
        return None
    if not _is_failure(case.seen):
        return Forget()
    attempts, retry = case.session.status.attempts + 1, case.session.spec.retry
    if attempts > retry.limit:
        times = "once" if attempts == 1 else f"{attempts} times in a row"
        message = f"It failed {times}, at last so: {ended.message}"
        return Finish(Phase.FAILED, Reason.RETRIES_EXHAUSTED, message)
    longest = min(parse_duration(retry.backoff) * 2 ** min(attempts - 1, 32), _LONGEST_BACKOFF)
    return Retry(case.now + longest * case.seen.chance, ended)


def _is_failure(seen: Observed) -> bool:
    """Whether the end is one that nobody asked for; a runner told to stop may end as it likes."""
    if seen.ended is None or (seen.stopping and not seen.hung):
        return False
    return seen.ended.code not in {ExitCode.COMPLETE, ExitCode.AGAIN}


def _silence(case: _Case) -> _Answer:
    if case.seen.running and not case.seen.stopping and case.seen.silent_seconds > SILENT_LIMIT:
        return Stop(at_once=True)
    return None


def _start_timeout(case: _Case) -> _Answer:
    start = case.session.spec.timeouts.start
    if case.phase is Phase.READY or not case.past(starting_since(case.session), start):
        return None
    message = f"The session was not ready within {start} (timeouts.start)."
    if case.session.status.message:
        message += f" Last known: {case.session.status.message}"
    return Finish(Phase.FAILED, Reason.START_TIMEOUT, message)


def starting_since(session: ClaudeSession) -> datetime | None:
    """Return since when the session has been admitted and not Ready; None if it is not so."""
    admitted, ready = condition(session, "Admitted"), condition(session, "Ready")
    if admitted is None or ready is None or admitted.status != "True" or ready.status == "True":
        return None
    return max(admitted.last_transition_time, ready.last_transition_time)


def _idle(case: _Case) -> _Answer:
    if case.seen.inputs_waiting or case.seen.stopping:
        return None
    return SuspendIdle() if idle_is_over(case.session, case.seen, case.now) else None


def _run(case: _Case) -> _Answer:
    seen = case.seen
    if seen.running or seen.place or (seen.retry_at is not None and seen.retry_at > case.now):
        return _WAIT
    return Start()


_CHECKS: Final[tuple[Callable[[_Case], _Answer], ...]] = (
    _deletion,
    _finished,
    _lifetime,
    _broken,
    _completed,
    _suspension,
    _failure,
    _silence,
    _start_timeout,
    _idle,
    _run,
)
