"""When time alone changes what a session needs: the next moment to look at it. Pure.

That a runner fell silent is found by the sweep of Redis, which hears all the others too.
"""

from collections.abc import Iterator
from datetime import datetime

from moorage_api.quantities import parse_duration
from moorage_api.resources import STEADY, Phase, SessionStatus
from moorage_operator.checks.endings import left_until
from moorage_operator.checks.starting import starting_since
from moorage_operator.checks.suspension import idle_since
from moorage_operator.decision import Case, after
from moorage_operator.status import patient_until


def next_moment(case: Case, status: SessionStatus) -> datetime | None:
    """Return the next moment at which a limit is reached or a retry is due, if any is known."""
    moments = _ending(case, status) if status.phase.finished else _running(case, status)
    return min((each for each in moments if each is not None and each > case.now), default=None)


def _ending(case: Case, status: SessionStatus) -> Iterator[datetime | None]:
    yield left_until(case, status.finished_at)
    yield after(status.finished_at, case.shape.timeouts.ttl_after_finished)


def _running(case: Case, status: SessionStatus) -> Iterator[datetime | None]:
    yield status.retry_at
    yield patient_until(status)
    if status.phase is Phase.READY:
        yield from _steady(status)
    if case.spec is None:
        return
    timeouts = case.spec.timeouts
    yield after(case.session.metadata.creation_timestamp, timeouts.lifetime)
    yield after(idle_since(case), timeouts.idle)
    if status.phase is Phase.STARTING or status.retry_at is not None:
        yield after(starting_since(case) or case.now, parse_duration(timeouts.start))


def _steady(status: SessionStatus) -> Iterator[datetime | None]:
    ready = next(each for each in status.conditions if each.type == "Ready")
    if status.attempts:
        yield ready.last_transition_time + STEADY
