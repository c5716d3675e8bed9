"""Sessions that are left alone: nothing that time alone brings may be missed by it."""

from datetime import timedelta

import pytest

from moorage_api.quantities import parse_duration
from moorage_api.resources import ClaudeSession, Phase
from moorage_gateway.backends.local.observation import Ending, Observed
from moorage_gateway.backends.local.policy import Delete, Finish, decide, rests_until
from moorage_gateway.backends.local.status import describe

from .builders import START, a_session, at, marked_deleted, ready, running, with_status

SUSPENDED = describe(a_session(suspend=True), Observed(), START)
OVER = with_status(a_session(), phase=Phase.SUCCEEDED, finished_at=at(5))
MOMENT = timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("session", "seen"),
    [
        (a_session(), Observed()),
        ready(),
        (SUSPENDED, running()),
        (SUSPENDED, Observed(ended=Ending(75))),
        (SUSPENDED.model_copy(update={"spec": a_session().spec}), Observed()),
        (marked_deleted(SUSPENDED), Observed()),
        (OVER, running(stopping=True)),
        (OVER, Observed(ended=Ending(0))),
        (marked_deleted(OVER), Observed()),
    ],
)
def test_what_may_change_by_itself_is_looked_at(session: ClaudeSession, seen: Observed) -> None:
    assert rests_until(session, seen) is None


def test_a_suspended_session_rests_until_its_lifetime_is_over() -> None:
    until = rests_until(SUSPENDED, Observed())
    assert until == START + parse_duration(SUSPENDED.spec.timeouts.lifetime)
    assert decide(SUSPENDED, Observed(), until - MOMENT) is None
    assert isinstance(decide(SUSPENDED, Observed(), until), Finish)


@pytest.mark.parametrize("seen", [Observed(), Observed(retry_at=START)])
def test_a_session_that_is_over_rests_until_it_is_to_be_deleted(seen: Observed) -> None:
    until = rests_until(OVER, seen)
    assert until == at(5) + parse_duration(OVER.spec.timeouts.ttl_after_finished)
    assert decide(OVER, seen, until - MOMENT) is None
    assert decide(OVER, seen, until) == Delete()
