"""Pods that the operator makes, asked of the API server in a namespace that enforces `restricted`.

All specs there can be are tried on a checker of our own in tests/unit/operator/test_restricted.py;
a sample of them here, with names that the API server accepts.
"""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moorage_api.resources import ClaudeSession, SessionSpec
from moorage_operator.build import Subject, build_pod
from moorage_operator.settings import PodSettings
from moorage_testing.controlplane.api import Api
from moorage_testing.controlplane.errors import ApiRefused
from moorage_testing.specs import valid

NAMESPACE = "enforced"
NODES = "/apis/node.k8s.io/v1/runtimeclasses"
PRIORITIES = "/apis/scheduling.k8s.io/v1/priorityclasses"
POD = PodSettings(
    runner_image="moorage-runner:1", agent_image="moorage-agent:1", proxy_url="http://proxy:8080"
)
AMOUNTS = st.fixed_dictionaries({}, optional={"cpu": st.just("1"), "memory": st.just("2Gi")})
SPECS = valid(
    SessionSpec,
    {
        "repository": st.just({"url": "https://example.com/r.git"}),
        "image": st.sampled_from(["toolchain:7", "registry.example.com/team/a@sha256:" + "0" * 64]),
        "runtimeClassName": st.just("gvisor"),
        "priorityClassName": st.just("low"),
        "nodeSelector": st.just({"example.com/pool": "agents"}),
        "tolerations": st.just([{"key": "agents", "operator": "Exists"}]),
        "requests": AMOUNTS,
        "limits": AMOUNTS,
        "size": st.just("5Gi"),
        "timeouts": st.just({"idle": "5m"}),
        "backoff": st.just("5s"),
        "additionalRepositories": st.just([]),
    },
)


@pytest.fixture(scope="module")
def enforced(admin: Api) -> Iterator[str]:
    """Return the pods' path in a namespace that enforces `restricted`."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    admin.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE, "labels": labels}})
    admin.create(
        f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts", {"metadata": {"name": "default"}}
    )
    admin.create(NODES, {"metadata": {"name": "gvisor"}, "handler": "runsc"})
    admin.create(PRIORITIES, {"metadata": {"name": "low"}, "value": 1})
    yield f"/api/v1/namespaces/{NAMESPACE}/pods"
    admin.delete(f"{PRIORITIES}/low")
    admin.delete(f"{NODES}/gvisor")
    admin.delete(f"/api/v1/namespaces/{NAMESPACE}")


def pod_of(spec: SessionSpec, pod_settings: PodSettings = POD) -> dict[str, Any]:
    """Return the pod of a session with this spec."""
    metadata = {"name": "fix-the-login", "namespace": NAMESPACE, "uid": "8f0e2a44-6a1c"}
    session = ClaudeSession.model_validate({"metadata": metadata, "spec": spec})
    return build_pod(Subject(session, spec), pod_settings)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(spec=SPECS, host_users=st.sampled_from([None, True, False]))
def test_the_api_server_lets_in_what_the_operator_makes(
    spec: SessionSpec, host_users: bool | None, admin: Api, enforced: str
) -> None:
    pod = pod_of(spec, POD.model_copy(update={"host_users": host_users}))
    made = admin.create(enforced, pod, dryRun="All", fieldValidation="Strict")
    assert made["metadata"]["name"] == pod["metadata"]["name"]


@pytest.mark.parametrize(
    ("place", "change"),
    [
        ("pod", {"hostNetwork": True}),
        ("pod", {"hostPID": True}),
        ("volumes", {"name": "node", "hostPath": {"path": "/"}}),
        ("container", {"privileged": True, "allowPrivilegeEscalation": True}),
        ("container", {"runAsUser": 0}),
        ("container", {"runAsNonRoot": False}),
        ("container", {"allowPrivilegeEscalation": True}),
        ("container", {"capabilities": {"drop": ["ALL"], "add": ["SYS_ADMIN"]}}),
        ("container", {"capabilities": {}}),
        ("container", {"seccompProfile": {"type": "Unconfined"}}),
    ],
)
def test_the_namespace_refuses_what_is_less(
    place: str, change: dict[str, Any], admin: Api, enforced: str
) -> None:
    """Without these the test above would show nothing."""
    pod = copy.deepcopy(pod_of(SessionSpec.model_validate({"repository": {"url": "https://a/r"}})))
    match place:
        case "pod":
            pod["spec"] |= change
        case "volumes":
            pod["spec"]["volumes"].append(change)
        case "container":
            pod["spec"]["containers"][1]["securityContext"] |= change
    with pytest.raises(ApiRefused, match='violates PodSecurity "restricted'):
        admin.create(enforced, pod, dryRun="All")
