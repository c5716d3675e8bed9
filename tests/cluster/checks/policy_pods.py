"""Five pods in two namespaces, on two nodes: who reaches whom of them."""

import json
import time
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Self

from cluster.checks.policies import NAMESPACES, Connection, Labels, Step
from cluster.engines import running_engine
from deployment.kube import Manifest, apply, run_kubectl

PLACES: Final = {
    "ours/server": "moorage-worker",
    "ours/client": "moorage-worker",
    "ours/far": "moorage-worker2",
    "theirs/other": "moorage-worker",
    "theirs/client": "moorage-worker2",
}
"""Pods, and the nodes that they are on."""

NODE: Final = "node"
SERVICE: Final = "service"
_PORTS: Final = (("web", "TCP", 8080), ("more", "TCP", 8081), ("most", "TCP", 8082))
_PATIENCE: Final = 60.0
"""Seconds that a plugin may take until all nodes follow: it needs one or two."""
_LOOKS: Final = 2
"""So often in a row it has to be as wanted: the nodes do not follow at the same moment."""


class PolicyPods:
    """The pods, which run; without a policy at first."""

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self._addresses = addresses
        self._there: list[Manifest] = []

    @classmethod
    def start(cls, image: str) -> Self:
        """Make them and wait for them."""
        apply(*(_namespace(side) for side in NAMESPACES))
        apply(*(_pod(pod, node, image) for pod, node in PLACES.items()), _service())
        for pod in PLACES:
            namespace, name = _place(pod)
            ready = ("wait", f"pod/{name}", namespace, "--for=condition=Ready", "--timeout=100s")
            run_kubectl(*ready)
        addresses = {pod: _got("pod", *_place(pod), "{.status.podIP}") for pod in PLACES}
        service = _got("service", _in("ours"), "server", "{.spec.clusterIP}")
        return cls({**addresses, SERVICE: service})

    def remove(self) -> None:
        """Delete their namespaces, and all in them."""
        run_kubectl("delete", "namespace", *NAMESPACES.values(), "--wait=false")

    def set(self, step: Step) -> None:
        """Bring policies to those of a step, and labels too: policies that it has not go."""
        wanted = step.objects(self._addresses)
        if wanted:
            apply(*wanted)
        kept = [each["metadata"] for each in wanted]
        gone = [each for each in self._there if each["metadata"] not in kept]
        self._there = wanted
        if gone:
            listed = {"apiVersion": "v1", "kind": "List", "items": gone}
            run_kubectl("delete", "-f", "-", given=json.dumps(listed))
        for whose, labels in step.labels.items():
            _label(whose, labels)

    def clear(self, changed: Collection[str]) -> None:
        """Take all policies away, and give back the labels of those who had others."""
        self.set(Step([], {whose: _labels(whose) for whose in changed}))

    def settled(self, wanted: Mapping[Connection, bool]) -> dict[Connection, bool]:
        """Wait until all is as wanted, and is so again; return what was seen last."""
        deadline, agreed = time.monotonic() + _PATIENCE, 0
        while True:
            seen = self.look(wanted)
            agreed = agreed + 1 if seen == wanted else 0
            if agreed == _LOOKS or time.monotonic() > deadline:
                return seen

    def look(self, connections: Collection[Connection]) -> dict[Connection, bool]:
        """Try connections, all at once; return which pass."""
        sources = sorted({each.source for each in connections})
        of = {source: [each for each in connections if each.source == source] for source in sources}
        with ThreadPoolExecutor(len(sources)) as pool:
            answers = pool.map(lambda source: self._ask(source, of[source]), sources)
            return {
                connection: passes
                for source, found in zip(sources, answers, strict=True)
                for connection, passes in zip(of[source], found, strict=True)
            }

    def _ask(self, source: str, connections: list[Connection]) -> list[bool]:
        if source == NODE:
            return [self._reaches_from_node(each) for each in connections]
        targets = [[each.protocol, self._addresses[each.target], each.port] for each in connections]
        namespace, name = _place(source)
        program = ("python3", "/opt/probe/peer.py", "ask", json.dumps(targets))
        found: list[bool] = json.loads(run_kubectl("exec", name, namespace, "--", *program))
        return found

    def _reaches_from_node(self, connection: Connection) -> bool:
        engine = running_engine()
        assert engine is not None
        address = (
            f"/dev/{connection.protocol}/{self._addresses[connection.target]}/{connection.port}"
        )
        command = ("timeout", "3", "bash", "-c", f"exec 3<> {address}")
        return engine.ask("exec", PLACES[connection.target], *command) is not None


def _label(whose: str, labels: Labels) -> None:
    """Label a pod or a namespace."""
    if "/" in whose:
        namespace, name = _place(whose)
        what = ("pod", name, namespace)
    else:
        what = ("namespace", NAMESPACES[whose], "")
    words = [f"{key}={value}" for key, value in labels.items()]
    run_kubectl("label", "--overwrite", *(each for each in what if each), *words)


def _labels(whose: str) -> Labels:
    """Return the labels that a pod or a namespace has at first."""
    side, _, role = whose.partition("/")
    return {"role": role} if role else {"side": side}


def _in(side: str) -> str:
    return f"--namespace={NAMESPACES[side]}"


def _place(pod: str) -> tuple[str, str]:
    side, _, name = pod.partition("/")
    return _in(side), name


def _got(kind: str, namespace: str, name: str, path: str) -> str:
    return run_kubectl("get", kind, name, namespace, f"--output=jsonpath={path}")


def _namespace(side: str) -> Manifest:
    labels = {"pod-security.kubernetes.io/enforce": "restricted", **_labels(side)}
    metadata = {"name": NAMESPACES[side], "labels": labels}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def _pod(pod: str, node: str, image: str) -> Manifest:
    side, _, name = pod.partition("/")
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    ports = [{"name": name, "protocol": kind, "containerPort": port} for name, kind, port in _PORTS]
    container = {
        "name": "peer",
        "image": image,
        "command": ["python3", "/opt/probe/peer.py"],
        "ports": ports,
        "readinessProbe": {"tcpSocket": {"port": 8082}, "periodSeconds": 1},
        "securityContext": security | {"readOnlyRootFilesystem": True},
        "resources": {"limits": {"memory": "64Mi"}},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACES[side], "labels": _labels(pod)},
        "spec": {
            "nodeName": node,
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [container],
        },
    }


def _service() -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "server", "namespace": NAMESPACES["ours"]},
        "spec": {"selector": {"role": "server"}, "ports": [{"port": 8080}]},
    }
