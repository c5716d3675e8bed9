"""Waits until a part of the control plane does its work, by asking it for that work."""

from typing import Final

from moorage_testing.controlplane.api import Api, Object
from moorage_testing.controlplane.errors import ApiRefused
from moorage_testing.controlplane.processes import Process, until

_DEADLINE: Final = 60.0
_CRDS: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_MAPS: Final = "/api/v1/namespaces/default/configmaps"
_PODS: Final = "/api/v1/namespaces/default/pods"
_NODES: Final = "/api/v1/nodes"
_NOT_FOUND: Final = 404


def await_established(admin: Api, crd: Object) -> None:
    """Wait until the API server has taken the CRD and serves its resources."""
    name = crd["metadata"]["name"]
    group = crd["spec"]["group"]
    plural = crd["spec"]["names"]["plural"]
    version = crd["spec"]["versions"][0]["name"]

    def pending() -> str | None:
        conditions = admin.get(f"{_CRDS}/{name}").get("status", {}).get("conditions") or []
        status = {each["type"]: each["status"] for each in conditions}
        if status.get("Established") != "True" or status.get("NamesAccepted") != "True":
            return str(conditions)
        try:
            admin.get(f"/apis/{group}/{version}/{plural}")
        except ApiRefused as error:  # 404 until it is served, then 429 until it has its storage
            return str(error)
        return None

    until(f"{name} established", _DEADLINE, pending)


def await_collection(admin: Api, manager: Process) -> None:
    """Wait until the garbage collector deletes an object whose owner does not exist."""
    owner = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": "never-there",
        "uid": "00000000-0000-4000-8000-000000000000",
    }
    metadata = {"name": "collector-probe", "ownerReferences": [owner]}
    admin.create(_MAPS, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})

    def pending() -> str | None:
        manager.require_running()
        there = missing(admin, f"{_MAPS}/collector-probe") is None
        return "an orphan is still there" if there else None

    until("the garbage collector at work", _DEADLINE, pending)


def make_node(admin: Api, name: str) -> None:
    """Create a node for KWOK to take care of."""
    metadata = {"name": name, "labels": {"kubernetes.io/hostname": name}}
    admin.apply(f"{_NODES}/{name}", {"apiVersion": "v1", "kind": "Node", "metadata": metadata})


def await_node(admin: Api, kwok: Process, name: str) -> None:
    """Wait until KWOK has made a node Ready."""
    path = f"{_NODES}/{name}"

    def pending() -> str | None:
        kwok.require_running()
        conditions = admin.get(path).get("status", {}).get("conditions") or []
        ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
        return None if ready else f"its conditions: {conditions}"

    until(f"node {name} Ready", _DEADLINE, pending)


def await_assignment(admin: Api) -> None:
    """Wait until the API server gives new pods a node."""
    pod: Object = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "assignment-probe"},
        "spec": {"containers": [{"name": "probe", "image": "probe"}]},
    }

    def pending() -> str | None:
        made = admin.create(_PODS, pod, dryRun="All")
        return None if made["spec"].get("nodeName") else "a pod got no node"

    until("pods assigned to nodes", _DEADLINE, pending)


def missing(admin: Api, path: str) -> str | None:
    """Say that there is nothing at ``path``, if so."""
    try:
        admin.get(path)
    except ApiRefused as error:
        if error.code != _NOT_FOUND:
            raise
        return str(error)
    return None
