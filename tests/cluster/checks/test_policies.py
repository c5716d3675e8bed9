"""Network policies are kept as Kubernetes' documentation says, by whatever keeps them here.

Without a policy, all that a case is about passes: the control of what is stopped then.
"""

from collections.abc import Iterator

import pytest

from cluster.checks.conftest import IMAGE
from cluster.checks.policies import CASES, Case, Connection
from cluster.checks.policy_pods import PolicyPods


@pytest.fixture(scope="module")
def pods(three_nodes: None) -> Iterator[PolicyPods]:
    """All cases share them."""
    started = PolicyPods.start(IMAGE)
    yield started
    started.remove()


def deviations(wanted: dict[Connection, bool], seen: dict[Connection, bool]) -> list[str]:
    """Say what is not as it should be."""
    words = {True: "passes", False: "is stopped"}
    return [f"{each} {words[seen[each]]}" for each in wanted if seen[each] != wanted[each]]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_documented_case(pods: PolicyPods, case: Case) -> None:
    everything = dict.fromkeys(case.connections, True)
    assert deviations(everything, pods.settled(everything)) == [], "without a policy"
    try:
        for number, step in enumerate(case.steps, start=1):
            pods.set(step)
            wanted = dict(step.wanted)
            assert deviations(wanted, pods.settled(wanted)) == [], f"step {number}"
    finally:
        pods.clear({whose for step in case.steps for whose in step.labels})
