"""The decisions as a table: what is seen of a session, and what it needs next."""

from datetime import timedelta
from typing import Any

import pytest

from moorage_api.reasons import PERMANENT, Reason
from moorage_api.resources import Activity, ClaudeSession, Phase
from moorage_gateway.backends.local.lifecycle import advance
from moorage_gateway.backends.local.observation import Ending, Observed
from moorage_gateway.backends.local.policy import (
    SILENT_LIMIT,
    Action,
    Delete,
    Finish,
    Forget,
    Remove,
    Resume,
    Retry,
    Start,
    Stop,
    SuspendIdle,
    decide,
)
from moorage_gateway.backends.local.status import describe

from .builders import START, a_session, a_state, at, marked_deleted, ready, running, with_status

FAILURE = Ending(1, Reason.RUNNER_FAILED, "It broke.")
KILLED = Ending(137)
AGAIN = Ending(75)
DONE = Ending(0)
COMPLETE = Finish(Phase.SUCCEEDED, Reason.COMPLETED, "The session is complete.")
NEW = a_session()
SUSPENDED = a_session(suspend=True)
DELETED = marked_deleted(a_session())
FAILED = with_status(a_session(), phase=Phase.FAILED, finished_at=START)
SUCCEEDED = with_status(a_session(), phase=Phase.SUCCEEDED, finished_at=START)


@pytest.mark.parametrize(
    ("session", "seen", "action"),
    [
        # running where it should, or not
        (NEW, Observed(), Start()),
        (NEW, Observed(place=1), None),
        (NEW, running(), None),
        (NEW, running(stopping=True), None),
        (NEW, Observed(retry_at=at(11)), None),
        (NEW, Observed(retry_at=at(10)), Start()),
        # suspend: stop, then rest; its end is nobody's failure
        (SUSPENDED, Observed(), None),
        (SUSPENDED, running(), Stop()),
        (SUSPENDED, running(stopping=True), None),
        (SUSPENDED, Observed(stopping=True, ended=AGAIN), Forget()),
        (SUSPENDED, Observed(stopping=True, ended=FAILURE), Forget()),
        (SUSPENDED, Observed(stopping=True, ended=KILLED), Forget()),
        (SUSPENDED, Observed(stopping=True, ended=DONE), Forget()),
        (SUSPENDED, Observed(ended=AGAIN), Forget()),
        (SUSPENDED, Observed(ended=FAILURE), Forget()),
        # resumed while it was being stopped
        (NEW, Observed(stopping=True, ended=AGAIN), Forget()),
        (NEW, Observed(stopping=True, ended=DONE), Forget()),
        # delete goes before everything
        (DELETED, Observed(), Remove()),
        (DELETED, Observed(ended=FAILURE), Remove()),
        (DELETED, running(), Stop()),
        (DELETED, running(stopping=True), None),
        (marked_deleted(SUSPENDED), running(), Stop()),
        (marked_deleted(FAILED), Observed(), Remove()),
        # after the end
        (FAILED, Observed(), None),
        (FAILED, Observed(ended=FAILURE), Forget()),
        (FAILED, running(), Stop()),
        (FAILED, running(stopping=True), None),
        (SUCCEEDED, Observed(), None),
        # silence
        (NEW, running(silent_seconds=SILENT_LIMIT), None),
        (NEW, running(silent_seconds=SILENT_LIMIT + 1), Stop(at_once=True)),
        (NEW, running(silent_seconds=SILENT_LIMIT + 1, stopping=True), None),
        # ends
        (NEW, Observed(ended=AGAIN), Forget()),
        (NEW, Observed(ended=FAILURE), Retry(at(11), FAILURE)),
        (NEW, Observed(ended=KILLED), Retry(at(11), KILLED)),
        (NEW, Observed(ended=KILLED, stopping=True, hung=True), Retry(at(11), KILLED)),
        (NEW, Observed(ended=FAILURE, chance=0.5), Retry(at(10.5), FAILURE)),
        (NEW, Observed(ended=DONE), COMPLETE),
        (SUSPENDED, Observed(ended=DONE), COMPLETE),
    ],
)
def test_what_a_session_needs_next(
    session: ClaudeSession, seen: Observed, action: Action | None
) -> None:
    assert decide(session, seen, at(10)) == action


@pytest.mark.parametrize("reason", sorted(PERMANENT))
@pytest.mark.parametrize("session", [NEW, SUSPENDED])
def test_what_a_retry_cannot_mend_ends_the_session(session: ClaudeSession, reason: Reason) -> None:
    ended = Ending(1, reason, "A sentence.")
    expected = Finish(Phase.FAILED, reason, "A sentence.")
    assert decide(session, Observed(ended=ended), at(1)) == expected


@pytest.mark.parametrize(
    ("attempts", "backoff", "wait"),
    [(0, "1s", 1), (1, "1s", 2), (2, "1s", 4), (4, "10s", 160), (5, "10s", 300), (90, "1s", 300)],
)
def test_backoff_doubles_up_to_five_minutes(attempts: int, backoff: str, wait: float) -> None:
    session = with_status(a_session(retry={"limit": 100, "backoff": backoff}), attempts=attempts)
    action = decide(session, Observed(ended=FAILURE), START)
    assert action == Retry(START + timedelta(seconds=wait), FAILURE)


def test_too_many_failures_in_a_row_end_the_session() -> None:
    session = with_status(a_session(retry={"limit": 2}), attempts=2)
    action = decide(session, Observed(ended=FAILURE), START)
    sentence = "It failed 3 times in a row, at last so: It broke."
    assert action == Finish(Phase.FAILED, Reason.RETRIES_EXHAUSTED, sentence)


@pytest.mark.parametrize(
    ("changes", "seconds", "suspends"),
    [
        ({}, 59, False),
        ({}, 60, True),
        ({"state": a_state(Activity.WORKING)}, 1000, False),
        ({"state": a_state(Activity.AWAITING_APPROVAL)}, 1000, False),
        ({"state": a_state(Activity.RATE_LIMITED)}, 1000, False),
        ({"state": a_state(queued=1)}, 1000, False),
        ({"state": None}, 100, False),
        ({"inputs_waiting": True}, 1000, False),
        ({"state": a_state(last_activity_at=at(500))}, 559, False),
        ({"state": a_state(last_activity_at=at(500))}, 560, True),
        # a claim that lies in the future does not keep it running for ever
        ({"state": a_state(last_activity_at=at(10**6))}, 10**6 + 60, True),
    ],
)
def test_only_a_session_without_work_is_idle(
    changes: dict[str, Any], seconds: float, suspends: bool
) -> None:
    session, seen = ready(a_session(timeouts={"idle": "60s", "lifetime": "300d"}), **changes)
    assert (decide(session, seen, at(seconds)) == SuspendIdle()) == suspends


def test_an_input_that_came_just_then_takes_an_idle_suspend_back() -> None:
    session, seen = ready(a_session(timeouts={"idle": "60s"}))
    session, seen = advance(session, seen, SuspendIdle(), at(60))
    assert decide(session, seen, at(60)) == Stop()
    ended = Observed(stopping=True, ended=AGAIN, inputs_waiting=True)
    assert decide(session, ended, at(61)) == Resume()
    requested = a_session(suspend=True)
    assert decide(requested, ended, at(61)) == Forget()


@pytest.mark.parametrize(("seconds", "ends"), [(99, False), (100, True)])
def test_a_session_that_does_not_get_ready_fails(seconds: float, ends: bool) -> None:
    session = describe(a_session(timeouts={"start": "100s"}), running(), START)
    action = decide(session, running(), at(seconds))
    assert isinstance(action, Finish) == ends
    if isinstance(action, Finish):
        assert action.reason is Reason.START_TIMEOUT


def test_waiting_for_a_place_or_being_suspended_uses_up_no_start_time() -> None:
    waiting = describe(a_session(timeouts={"start": "1s"}), Observed(place=3), START)
    assert decide(waiting, Observed(place=3), at(1000)) is None
    suspended = describe(a_session(timeouts={"start": "1s"}, suspend=True), Observed(), START)
    assert decide(suspended, Observed(), at(1000)) is None


def test_start_time_goes_on_between_attempts() -> None:
    session = describe(a_session(timeouts={"start": "100s"}), running(), START)
    session, seen = advance(session, Observed(ended=FAILURE), Retry(at(200), FAILURE), at(50))
    session = describe(session, seen, at(50))
    assert isinstance(decide(session, seen, at(100)), Finish)


@pytest.mark.parametrize("seen", [Observed(), running(), Observed(ended=AGAIN)])
@pytest.mark.parametrize("suspend", [True, False])
def test_a_lifetime_ends_whatever_it_is_doing(seen: Observed, suspend: bool) -> None:
    session = a_session(timeouts={"lifetime": "100s"}, suspend=suspend)
    action = decide(session, seen, at(100))
    assert isinstance(action, Finish)
    assert action.reason is Reason.LIFETIME_EXCEEDED


@pytest.mark.parametrize(("seconds", "action"), [(99, None), (100, Delete())])
def test_what_is_finished_is_deleted_in_time(seconds: float, action: Action | None) -> None:
    session = a_session(timeouts={"ttlAfterFinished": "100s"})
    finished = with_status(session, phase=Phase.SUCCEEDED, finished_at=START)
    assert decide(finished, Observed(), at(seconds)) == action
