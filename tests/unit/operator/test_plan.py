"""`plan` as a table: every phase with every observation that matters."""

from dataclasses import replace
from datetime import timedelta

import pytest

from moorage_operator.actions import (
    CreatePod,
)
from moorage_operator.observed import Observed
from moorage_operator.plan import plan

from . import cases_ready, cases_resting, cases_starting
from .builders import (
    NOW,
    observed,
    starting_pod,
)
from .cases import facts

LATER = NOW + timedelta(days=4000)


def alive(seen: Observed) -> Observed:
    """Return what is seen with a sign of life that never gets old, if there was one."""
    live = seen.live
    if live is None or live.heartbeat is None:
        return seen
    return replace(seen, live=replace(live, heartbeat=LATER))


CASES = cases_starting.CASES | cases_ready.CASES | cases_resting.CASES


@pytest.mark.parametrize("name", CASES)
def test_each_observation_leads_where_it_should(name: str) -> None:
    before, seen, phase, reason, actions = CASES[name]
    decided = plan(before, seen, NOW)
    assert (*facts(decided, before), decided.actions) == (phase, reason, actions)


@pytest.mark.parametrize("name", CASES)
def test_a_status_that_was_written_is_not_written_again(name: str) -> None:
    before, seen, *_ = CASES[name]
    first = plan(before, seen, NOW)
    if CreatePod() in first.actions:
        seen = observed(pod=starting_pod(), live=seen.live)
    after = before.model_copy(update={"status": first.status or before.status})
    second = plan(after, seen, NOW)
    third = plan(after.model_copy(update={"status": second.status or after.status}), seen, NOW)
    assert third.status is None
    assert not third.events


@pytest.mark.parametrize("name", CASES)
def test_every_status_has_all_conditions_and_says_something(name: str) -> None:
    before, seen, phase, *_ = CASES[name]
    written = plan(before, seen, NOW).status
    if written is None:
        return
    kinds = "Admitted PodScheduled RepositoryCloned Ready AwaitingInput Complete BudgetExceeded"
    assert [each.type for each in written.conditions] == kinds.split()
    assert {each.observed_generation for each in written.conditions} == {1}
    assert all(each.reason for each in written.conditions)
    assert all(each.message for each in written.conditions)
    assert written.observed_generation == 1
    assert (written.finished_at is not None) == phase.finished


@pytest.mark.parametrize("name", CASES)
def test_by_time_alone_nothing_changes_before_the_moment_to_look_again(name: str) -> None:
    """As long as the runner goes on giving signs of life: that is for the sweep to see."""
    before, seen, *_ = CASES[name]
    seen, now = alive(seen), NOW
    for _hop in range(20):
        first = plan(before, seen, now)
        settled = before.model_copy(update={"status": first.status or before.status})
        decided = plan(settled, seen, now)
        if first.actions or decided.actions:
            return
        wait = decided.requeue_after
        early = timedelta(days=400) if wait is None else wait - timedelta(milliseconds=1)
        assert plan(settled, seen, now + early).status is None
        if wait is None:
            return
        before, now = settled, now + wait
