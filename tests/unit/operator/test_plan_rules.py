"""Rules of `plan` that one case alone does not show."""

from datetime import timedelta
from typing import Any

import pytest

from moorage_api.resources import Activity, Phase, Usage
from moorage_operator.actions import (
    CreateClaim,
    CreatePod,
    CreateSecret,
    DeletePod,
    GrantAccess,
    SetSuspend,
    UpdateSecret,
)
from moorage_operator.checks.endings import ENDING_LIMIT
from moorage_operator.observed import Observed, Place, SecretSeen
from moorage_operator.plan import Plan, WriteStatus, plan
from moorage_operator.status import PATIENCE

from .builders import (
    HOUR,
    MINUTE,
    NOW,
    POD_UID,
    SECOND,
    agent,
    condition,
    ended,
    live,
    observed,
    pod,
    runner,
    running,
    session,
    starting_pod,
    state,
    status,
)
from .cases import DUE, facts, oom, waiting


def test_a_session_that_is_being_deleted_needs_nothing() -> None:
    going = session(status())
    gone = going.metadata.model_copy(update={"deletion_timestamp": NOW})
    assert plan(going.model_copy(update={"metadata": gone}), running(), NOW) == Plan()


@pytest.mark.parametrize("activity", [Activity.WORKING, Activity.AWAITING_APPROVAL])
def test_a_session_that_works_or_waits_for_an_approval_is_never_idle(activity: Activity) -> None:
    busy = session(status(), timeouts={"idle": "1s"})
    seen = running(state(activity=activity, last_activity_at=NOW - HOUR))
    assert facts(plan(busy, seen, NOW), busy) == (Phase.READY, "Running")


@pytest.mark.parametrize(
    "seen",
    [
        running(state(last_activity_at=NOW - HOUR, queued=1)),
        running(live=live(state(last_activity_at=NOW - HOUR), inputs_waiting=True)),
        running(live=live(state(last_activity_at=NOW - HOUR), heartbeat=NOW - MINUTE / 2)),
    ],
    ids=["queued", "in the inbox", "old news"],
)
def test_a_session_with_something_to_do_is_not_idle(seen: Observed) -> None:
    busy = session(status(), timeouts={"idle": "1s"})
    assert facts(plan(busy, seen, NOW), busy) == (Phase.READY, "Running")


def test_a_place_that_was_given_is_not_taken_away() -> None:
    retrying = DUE.model_copy(update={"conditions": [condition("Admitted", "True")]})
    decided = plan(session(retrying), observed(place=Place(2, "a limit")), NOW)
    assert CreatePod() in decided.actions


@pytest.mark.parametrize(
    ("seen", "attempts"),
    [
        (running(pod=pod(runner(), oom())), 3),
        (waiting("ImagePullBackOff"), 3),
        (running(pod=pod(ended(75), phase="Failed")), 2),
        (running(pod=pod(deleting=True)), 2),
        (observed(), 2),
    ],
    ids=["memory", "image", "again", "deleted", "gone"],
)
def test_only_failures_count(seen: Observed, attempts: int) -> None:
    written = plan(session(status(attempts=2)), seen, NOW).status
    assert written is not None
    assert written.attempts == attempts
    assert written.retry_at is not None
    assert NOW < written.retry_at <= NOW + timedelta(seconds=4)


def test_failures_are_forgotten_once_it_has_been_ready_for_a_while() -> None:
    fresh = session(status(attempts=2, since=NOW - MINUTE / 2))
    decided = plan(fresh, running(), NOW)
    assert decided.status is not None
    assert decided.status.attempts == 2
    assert decided.requeue_after == MINUTE / 2
    steady = plan(session(status(attempts=2)), running(), NOW).status
    assert steady is not None
    assert steady.attempts == 0


def test_the_failure_that_was_one_too_many_counts_too() -> None:
    last = session(status(attempts=2), retry={"limit": 2})
    written = plan(last, running(pod=pod(runner(), oom())), NOW).status
    assert written is not None
    assert (written.phase, written.attempts) == (Phase.FAILED, 3)


def test_what_writes_the_spec_is_followed_by_a_look_at_once() -> None:
    """No watch tells of an own write: an idle session would else keep its pod."""
    idle = session(status(), timeouts={"idle": "1s"})
    decided = plan(idle, running(state(last_activity_at=NOW - HOUR)), NOW)
    assert SetSuspend(suspend=True) in decided.actions
    assert decided.requeue_after == timedelta()
    rests = session(status(Phase.SUSPENDED, reason="Idle"), suspend=True)
    decided = plan(rests, observed(live=live(inputs_waiting=True)), NOW)
    assert SetSuspend(suspend=False) in decided.actions
    assert decided.requeue_after == timedelta()


def test_a_pod_that_ends_is_looked_at_again_when_its_time_is_over() -> None:
    """Nothing more may be heard of an agent that hangs."""
    seen = running(pod=pod(ended(0), agent()))
    decided = plan(session(status()), seen, NOW)
    assert decided.requeue_after == ENDING_LIMIT
    over = session(decided.status)
    early = plan(over, seen, NOW + ENDING_LIMIT - SECOND)
    assert (early.actions, early.requeue_after) == ((), SECOND)
    assert plan(over, seen, NOW + ENDING_LIMIT).actions == (DeletePod(POD_UID),)


def test_a_start_that_does_not_get_on_is_looked_at_after_a_while() -> None:
    """Nothing more may be heard of its pod: how far it is has to be told without that."""
    decided = plan(session(), observed(), NOW)
    assert CreatePod() in decided.actions
    assert decided.requeue_after == PATIENCE
    assert decided.status is not None
    assert decided.status.message == "Its pod is being created."
    later = plan(session(decided.status), observed(pod=starting_pod()), NOW + PATIENCE).status
    assert later is not None
    assert later.message == "Its pod is coming up."


def test_time_spent_waiting_for_a_lost_node_is_no_time_to_start_in() -> None:
    lost = session(status())
    seen = running(pod=pod(deleting=True, node_ready=False))
    lost = lost.model_copy(update={"status": plan(lost, seen, NOW).status})
    later = NOW + 5 * HOUR
    assert plan(lost, seen, later).status is None
    restarted = plan(lost, observed(), later)
    assert CreatePod() in restarted.actions
    lost = lost.model_copy(update={"status": restarted.status})
    again = observed(pod=starting_pod(uid="next"))
    assert facts(plan(lost, again, later + MINUTE), lost) == (Phase.STARTING, "Starting")


def test_the_place_in_line_is_told() -> None:
    seen = observed(place=Place(3, "the limit of 10 running sessions in this namespace"))
    written = plan(session(), seen, NOW).status
    assert written is not None
    admitted = written.conditions[0]
    assert (admitted.status, admitted.reason) == ("False", "Waiting")
    assert admitted.message == (
        "Waits for its turn: number 3 in line for the limit of 10 running sessions in this "
        "namespace."
    )


def test_a_conditions_time_changes_with_its_status_alone() -> None:
    written = plan(session(status()), running(state(activity=Activity.WORKING)), NOW).status
    assert written is not None
    times = {each.type: each.last_transition_time for each in written.conditions}
    assert times["Ready"] == NOW - 10 * MINUTE
    assert times["AwaitingInput"] == NOW


def test_the_prompt_has_to_be_answered_before_it_waits_for_input() -> None:
    def awaits(**said: Any) -> str:
        written = plan(session(status(), prompt="Go."), running(state(**said)), NOW).status
        assert written is not None
        return next(each.status for each in written.conditions if each.type == "AwaitingInput")

    assert awaits() == "False"
    assert awaits(last_turn_id="t1") == "True"
    assert awaits(last_turn_id="t1", queued=1) == "False"


def test_what_is_metered_counts_before_what_the_runner_says() -> None:
    rich = session(status(), budget={"maxCostUsd": 1})
    said = state(usage=Usage(cost_usd=0.1))
    metered = Usage(cost_usd=1.5)
    written = plan(rich, running(live=live(said, metered=metered)), NOW).status
    assert written is not None
    assert written.usage == metered
    assert written.conditions[-1].status == "True"
    assert written.conditions[-1].reason == "BudgetExceeded"


def test_the_order_of_writes_is_creations_then_status_then_endings() -> None:
    seen = observed(secret=None, claim=False, live=live(access=False))
    kinds = [type(each) for each in plan(session(), seen, NOW).steps]
    assert kinds == [CreateClaim, CreateSecret, GrantAccess, CreatePod, WriteStatus]
    kinds = [type(each) for each in plan(session(status(), suspend=True), running(), NOW).steps]
    assert kinds == [WriteStatus, DeletePod]


def test_usage_alone_is_not_written_at_once() -> None:
    first = plan(session(status()), running(), NOW).status
    known = session(first)
    later = running(state(usage=Usage(turns=2), last_activity_at=NOW))
    assert plan(known, later, NOW).status is not None
    assert plan(session(plan(known, later, NOW).status), later, NOW).status is None
    moment = running(state(usage=Usage(turns=3), last_activity_at=NOW + timedelta(seconds=9)))
    assert (
        plan(session(plan(known, later, NOW).status), moment, NOW + timedelta(seconds=10)).status
        is None
    )


def test_a_digest_of_the_spec_tells_whether_the_secret_is_up_to_date() -> None:
    resumed = session(status(Phase.SUSPENDED))
    first = plan(resumed, observed(secret=SecretSeen("other")), NOW)
    assert UpdateSecret() in first.actions


def test_a_change_is_told_with_its_reason_once() -> None:
    seen = running(pod=pod(runner(), oom()))
    first = plan(session(status()), seen, NOW)
    assert [(each.kind, each.reason) for each in first.events] == [("Warning", "OutOfMemory")]
    assert "resources.limits.memory" in first.events[0].message
    assert not plan(session(first.status), seen, NOW).events
