"""The operator under exactly the chart's rules: what it may not do, and where it does not look."""

from collections.abc import Iterator

import pytest

from moorage_api.resources import Phase
from moorage_testing.controlplane.errors import ApiRefused
from moorage_testing.controlplane.plane import ControlPlane
from moorage_testing.operating.rules import chart_rules
from moorage_testing.operating.sessions import Sessions
from moorage_testing.operating.stage import Stage, stage

FORBIDDEN = [
    ("list", "secrets"),
    ("delete", "secrets"),
    ("watch", "secrets"),
    ("delete", "persistentvolumeclaims"),
    ("list", "persistentvolumeclaims"),
    ("create", "claudesessions.moorage.dev"),
    ("update", "claudesessions.moorage.dev"),
    ("patch", "claudesessiontemplates.moorage.dev"),
    ("create", "pods/exec"),
    ("get", "pods/log"),
    ("create", "pods/eviction"),
    ("create", "roles.rbac.authorization.k8s.io"),
    ("create", "serviceaccounts/token"),
    ("list", "configmaps"),
    ("patch", "events"),
    ("delete", "poddisruptionbudgets.policy"),
]
ELSEWHERE = [
    ("get", "secrets"),
    ("list", "pods"),
    ("list", "claudesessions.moorage.dev"),
    ("create", "pods"),
]


@pytest.mark.parametrize(("verb", "resource"), FORBIDDEN)
def test_what_it_may_not_do_where_it_works(verb: str, resource: str, operated: Stage) -> None:
    assert may(operated, verb, resource, operated.namespaces[0]) == "no"


@pytest.mark.parametrize(("verb", "resource"), ELSEWHERE)
def test_what_it_may_not_do_elsewhere(verb: str, resource: str, operated: Stage) -> None:
    for namespace in ("default", operated.home):
        assert may(operated, verb, resource, namespace) == "no"


def test_what_it_may_do_with_nodes_and_leases(operated: Stage) -> None:
    assert may(operated, "get", "nodes", "") == "yes"
    assert may(operated, "list", "nodes", "") == "no"
    assert may(operated, "update", "leases.coordination.k8s.io", operated.home) == "yes"
    assert may(operated, "update", "leases.coordination.k8s.io", operated.namespaces[0]) == "no"


def test_no_rule_is_for_all_of_anything() -> None:
    for rules in chart_rules().values():
        for rule in rules:
            for wide in ("apiGroups", "resources", "verbs"):
                assert "*" not in rule[wide], rule


def test_only_the_namespaces_of_its_configuration(control_plane: ControlPlane) -> None:
    with stage(control_plane, namespaces=2) as made:
        beside = Sessions(made.admin, make_beside(made))
        beside.create()
        made.operator().start()
        for number in range(2):
            made.sessions(number).create()
        for number in range(2):
            made.sessions(number).await_phase(Phase.READY)
        assert beside.names() == {"example": ""}
        beside.delete()


@pytest.fixture
def everywhere(control_plane: ControlPlane) -> Iterator[Stage]:
    with stage(control_plane, namespaces=2, everywhere=True) as made:
        yield made
        print(made.logs())


def test_all_namespaces(everywhere: Stage) -> None:
    everywhere.operator().start()
    for number in range(2):
        everywhere.sessions(number).create()
    for number in range(2):
        everywhere.sessions(number).await_phase(Phase.READY)


def test_a_session_cannot_reach_the_kubernetes_api(operated: Stage, sessions: Sessions) -> None:
    sessions.create()
    pod = sessions.pod(sessions.await_phase(Phase.READY))
    assert pod is not None
    assert pod["spec"]["automountServiceAccountToken"] is False
    volumes = [each for each in pod["spec"]["volumes"] if "projected" in each]
    assert volumes == []


def may(stage: Stage, verb: str, resource: str, namespace: str) -> str:
    """Return what `kubectl auth can-i` says for the operator's account."""
    resource, _, part = resource.partition("/")
    more = [f"--subresource={part}"] if part else []
    more += ["-n", namespace] if namespace else []
    said = stage.plane.kubectl(
        "auth", "can-i", verb, resource, *more, account=stage.account, check=False
    )
    return said.strip().splitlines()[-1]


def make_beside(stage: Stage) -> str:
    name = f"{stage.home}-beside"
    stage.admin.apply(
        f"/api/v1/namespaces/{name}",
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}},
    )
    return name


def test_the_api_server_refuses_it_to_list_secrets(operated: Stage) -> None:
    with (
        operated.plane.client(operated.account) as client,
        pytest.raises(ApiRefused, match="cannot list resource"),
    ):
        client.get(f"/api/v1/namespaces/{operated.namespaces[0]}/secrets")
