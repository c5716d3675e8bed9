"""The control plane itself: what the other tests rely on."""

from pathlib import Path
from typing import Any

import pytest
from kubernetes.aio.client import ApiClient, CustomObjectsApi

from moorage_testing.controlplane.api import Api
from moorage_testing.controlplane.errors import ApiRefused
from moorage_testing.controlplane.options import Options
from moorage_testing.controlplane.plane import ControlPlane, running_control_plane
from moorage_testing.controlplane.processes import until
from moorage_testing.controlplane.readiness import missing

from .schemas import BASES, collection, manifest

TESTING = "testing.moorage.dev"
OUTCOME = f"{TESTING}/outcome"
SESSIONS = "claudesessions"
SESSION = manifest(SESSIONS, spec=BASES[SESSIONS])
READ = {"apiGroups": ["moorage.dev"], "resources": [SESSIONS], "verbs": ["get", "list"]}


def pod(**metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "example"} | metadata,
        "spec": {
            "containers": [{"name": "agent", "image": "agent"}],
            "initContainers": [{"name": "clone", "image": "runner"}],
        },
    }


def await_status(admin: Api, path: str, **expected: Any) -> dict[str, Any]:
    """Return the pod's status as soon as it has the values expected."""

    def pending() -> str | None:
        status = admin.get(path)["status"]
        return None if expected.items() <= status.items() else str(status)

    until(f"{path} {expected}", 20, pending)
    status: dict[str, Any] = admin.get(path)["status"]
    return status


def gone(admin: Api, path: str) -> str | None:
    """Say that there still is something at ``path``, if so."""
    return None if missing(admin, path) else "it is still there"


def test_a_pod_runs_on_a_node(admin: Api, namespace: str) -> None:
    pods = f"/api/v1/namespaces/{namespace}/pods"
    admin.create(pods, pod())
    status = await_status(admin, f"{pods}/example", phase="Running")
    conditions = {each["type"]: each["status"] for each in status["conditions"]}
    assert conditions["Ready"] == conditions["PodScheduled"] == "True"
    assert admin.get(f"{pods}/example")["spec"]["nodeName"] == "node-0"
    admin.delete(f"{pods}/example")
    until("the pod gone", 20, lambda: gone(admin, f"{pods}/example"))


@pytest.mark.parametrize(
    ("outcome", "phase", "code", "reason"),
    [
        ("succeeded", "Succeeded", 0, "Completed"),
        ("failed", "Failed", 1, "Error"),
        ("oom", "Failed", 137, "OOMKilled"),
        ("evicted", "Failed", 137, "Error"),
    ],
)
def test_a_pod_that_runs_ends_as_its_annotation_says(
    outcome: str, phase: str, code: int, reason: str, admin: Api, namespace: str
) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods/example"
    admin.create(f"/api/v1/namespaces/{namespace}/pods", pod())
    await_status(admin, path, phase="Running")
    admin.merge(path, {"metadata": {"annotations": {OUTCOME: outcome}}})
    status = await_status(admin, path, phase=phase)
    ended = status["containerStatuses"][0]["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (code, reason)
    assert status.get("reason") == ("Evicted" if outcome == "evicted" else None)


def test_a_pod_whose_image_cannot_be_pulled(admin: Api, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods/example"
    body = pod(annotations={OUTCOME: "image-pull"})
    admin.create(f"/api/v1/namespaces/{namespace}/pods", body)

    def pending() -> str | None:
        statuses = admin.get(path)["status"].get("containerStatuses", [])
        waiting = [each["state"].get("waiting", {}).get("reason") for each in statuses]
        return None if waiting == ["ImagePullBackOff"] else str(statuses)

    until("the image not pulled", 20, pending)
    assert admin.get(path)["status"]["phase"] == "Pending"
    admin.merge(path, {"metadata": {"annotations": {OUTCOME: None}}})
    await_status(admin, path, phase="Running")


def test_a_pod_that_finds_no_node(admin: Api, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods"
    made = admin.create(path, pod(annotations={OUTCOME: "unscheduled"}))
    assert "nodeName" not in made["spec"]
    assert made["status"]["phase"] == "Pending"


def test_a_pod_whose_runner_exits_with_a_code_and_last_words(admin: Api, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods/example"
    body = pod()
    body["spec"]["containers"].append({"name": "beside", "image": "beside"})
    admin.create(f"/api/v1/namespaces/{namespace}/pods", body)
    await_status(admin, path, phase="Running")
    words = '{"reason": "DiskFull", "message": "It is \\"full\\"."}'
    annotations = {OUTCOME: "exited", f"{TESTING}/exit-code": "75", f"{TESTING}/message": words}
    admin.merge(path, {"metadata": {"annotations": annotations}})
    first, second = await_status(admin, path, phase="Failed")["containerStatuses"]
    assert first["state"]["terminated"]["exitCode"] == 75
    assert first["state"]["terminated"]["message"] == words
    assert second["state"]["terminated"]["exitCode"] == 0


@pytest.mark.parametrize("annotation", [OUTCOME, f"{TESTING}/deletion"])
def test_a_deleted_pod_that_stays(annotation: str, admin: Api, namespace: str) -> None:
    """Its node is lost, or it takes its time: a pod created after it and deleted goes first."""
    pods = f"/api/v1/namespaces/{namespace}/pods"
    value = "lost" if annotation == OUTCOME else "held"
    admin.create(pods, pod(annotations={annotation: value}))
    admin.create(pods, pod(name="other"))
    for name in ("example", "other"):
        await_status(admin, f"{pods}/{name}", phase="Running")
        admin.delete(f"{pods}/{name}")
    until("the other pod gone", 20, lambda: gone(admin, f"{pods}/other"))
    left = admin.get(f"{pods}/example")
    assert left["metadata"]["deletionTimestamp"]
    assert left["status"]["phase"] == "Running"
    admin.merge(f"{pods}/example", {"metadata": {"annotations": {annotation: None}}})
    until("the pod gone", 20, lambda: gone(admin, f"{pods}/example"))


def test_a_deleted_pod_that_ends_first(admin: Api, namespace: str) -> None:
    pods = f"/api/v1/namespaces/{namespace}/pods"
    admin.create(pods, pod(annotations={f"{TESTING}/deletion": "slow"}))
    await_status(admin, f"{pods}/example", phase="Running")
    assert admin.delete(f"{pods}/example")["metadata"]["deletionTimestamp"]
    until("the pod gone", 20, lambda: gone(admin, f"{pods}/example"))


def test_a_node_selector_says_the_outcome(admin: Api, namespace: str) -> None:
    pods = f"/api/v1/namespaces/{namespace}/pods"
    for outcome in ("unscheduled", "image-pull"):
        body = pod(name=outcome)
        body["spec"]["nodeSelector"] = {OUTCOME: outcome}
        made = admin.create(pods, body)
        assert made["metadata"]["annotations"] == {OUTCOME: outcome}
        assert ("nodeName" in made["spec"]) == (outcome != "unscheduled")


def test_what_a_session_owns_is_deleted_with_it(admin: Api, namespace: str) -> None:
    session = admin.create(collection(SESSIONS, namespace), SESSION)
    owner = {
        "apiVersion": session["apiVersion"],
        "kind": session["kind"],
        "name": "example",
        "uid": session["metadata"]["uid"],
    }
    secrets = f"/api/v1/namespaces/{namespace}/secrets"
    metadata = {"name": "owned", "ownerReferences": [owner]}
    admin.create(secrets, {"apiVersion": "v1", "kind": "Secret", "metadata": metadata})
    admin.delete(f"{collection(SESSIONS, namespace)}/example")
    until("the Secret gone", 20, lambda: gone(admin, f"{secrets}/owned"))


def test_an_account_may_do_what_its_role_says_and_nothing_else(
    control_plane: ControlPlane, namespace: str
) -> None:
    account = control_plane.account(namespace, "reader", [READ])
    with control_plane.client(account) as reader:
        assert reader.get(collection(SESSIONS, namespace))["items"] == []
        with pytest.raises(ApiRefused, match="Forbidden"):
            reader.create(collection(SESSIONS, namespace), SESSION)
        for path in (collection(SESSIONS, "default"), f"/api/v1/namespaces/{namespace}/secrets"):
            with pytest.raises(ApiRefused, match="Forbidden"):
                reader.get(path)
    printed = control_plane.kubectl("auth", "can-i", "list", "csession", account=account)
    assert printed.strip() == "yes"


def test_an_account_with_rules_for_all_namespaces(
    control_plane: ControlPlane, namespace: str
) -> None:
    account = control_plane.account(namespace, f"all-{namespace}", cluster_rules=[READ])
    with control_plane.client(account) as reader:
        assert reader.get("/apis/moorage.dev/v1alpha1/claudesessions")["kind"]


async def test_the_asynchronous_client(control_plane: ControlPlane, namespace: str) -> None:
    account = control_plane.account(namespace, "reader", [READ])
    async with ApiClient(control_plane.configuration(account)) as client:
        custom = CustomObjectsApi(client)
        found: Any = await custom.list_namespaced_custom_object(
            "moorage.dev", "v1alpha1", namespace, SESSIONS
        )
    assert found["items"] == []


def test_the_api_server_comes_back_with_everything() -> None:
    with running_control_plane(Options()) as plane:
        account = plane.account("default", "reader", [READ])
        with plane.client() as admin:
            admin.create(collection(SESSIONS, "default"), SESSION)
        first = plane.apiserver.pid
        plane.apiserver.kill()
        assert not Path(f"/proc/{first}").exists()
        plane.start_apiserver()
        with plane.client(account) as reader:
            assert len(reader.get(collection(SESSIONS, "default"))["items"]) == 1
        plane.apiserver.stop()
        assert not plane.apiserver.running
