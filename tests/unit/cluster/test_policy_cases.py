"""The cases of network policies: each shows something, of pods and ports that there are."""

import pytest

from cluster.checks.policies import CASES, NAMESPACES, Case, Connection
from cluster.checks.policy_pods import NODE, PLACES, SERVICE
from cluster.checks.probe import peer


def test_a_connection_is_read_as_it_is_written() -> None:
    assert Connection.parse("ours/client > ours/server") == Connection("ours/client", "ours/server")
    given = "ours/far > service udp/8080"
    assert str(Connection.parse(given)) == given


def test_names_are_not_used_twice() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_is_about_pods_and_ports_that_there_are(case: Case) -> None:
    for each in case.connections:
        assert each.source in {*PLACES, NODE}
        assert each.target in {*PLACES, SERVICE}
        assert each.port in {"tcp": peer.TCP, "udp": peer.UDP}[each.protocol]
    for step in case.steps:
        assert set(step.labels) <= {*PLACES, *NAMESPACES}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_step_shows_that_its_policies_are_in_force(case: Case) -> None:
    """What passes proves nothing while policies are not in force yet; what is stopped does."""
    stopped: set[Connection] = set()
    for step in case.steps:
        passes = {each for each, does in step.wanted.items() if does}
        assert set(step.wanted) - passes or passes & stopped, step
        stopped = set(step.wanted) - passes


def test_addresses_take_the_place_of_pods() -> None:
    addresses = dict.fromkeys(PLACES, "10.0.0.1")
    texts = [str(step.objects(addresses)) for case in CASES for step in case.steps]
    assert any("10.0.0.1/32" in text for text in texts)
    assert not any("$(" in text for text in texts)
