"""Nodes that are drained, or stop dead. They run alone: other sessions would go along.

The control plane is on another node (`python -m deployment up` sees to it).
"""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from cluster.engines import running_engine
from deployment.kube import run_kubectl
from deployment.nodes import CONTROL_PLANE_NODE, SPARE_NODE
from e2e.kubectl import Session, eventually
from e2e.scripts import say

pytestmark = pytest.mark.alone

SOON: Final = [
    {"key": f"node.kubernetes.io/{taint}", "operator": "Exists", "effect": "NoExecute"}
    | {"tolerationSeconds": 5}
    for taint in ("not-ready", "unreachable")
]
"""Kubernetes gives a pod five minutes on a node that does not answer; this one five seconds."""


@pytest.fixture
def there(session: Session) -> Iterator[Session]:
    """A session that has answered once, on the node that may be taken away."""
    run_kubectl("cordon", CONTROL_PLANE_NODE)
    try:
        session.apply(prompt=say("Here."), tolerations=SOON)
        session.wait("condition=AwaitingInput")
    finally:
        run_kubectl("uncordon", CONTROL_PLANE_NODE)
    assert node_of(session) == SPARE_NODE
    yield session
    run_kubectl("uncordon", SPARE_NODE)


def node_of(session: Session) -> str | None:
    """Return where its pod is; None while it has none."""
    pods: list[dict[str, Any]] = session.pods()
    return pods[0]["spec"].get("nodeName") if pods else None


def test_a_drain_moves_it_to_the_other_worker(there: Session) -> None:
    run_kubectl(
        "drain",
        SPARE_NODE,
        "--ignore-daemonsets",
        "--delete-emptydir-data",
        "--pod-selector=app.kubernetes.io/component=session",
        "--timeout=120s",
        seconds=150,
    )
    there.wait_for_reason("Disrupted")
    eventually(lambda: node_of(there) == CONTROL_PLANE_NODE, "another pod on the other node")
    there.wait("condition=AwaitingInput")
    assert there.status.get("attempts", 0) == 0


def test_a_node_that_stops_dead_and_comes_back(there: Session) -> None:
    engine = running_engine()
    assert engine is not None
    old = there.pod["metadata"]["uid"]
    assert engine.ask("pause", SPARE_NODE) is not None
    try:
        there.wait_for_reason("NodeLost")
        assert "kubectl delete node" in there.status["message"]
        assert there.pod["metadata"]["uid"] == old  # two of one session must never run
    finally:
        assert engine.ask("unpause", SPARE_NODE) is not None
    eventually(lambda: old not in [pod["metadata"]["uid"] for pod in there.pods()], "it to be gone")
    there.wait("condition=AwaitingInput")
    run_kubectl("wait", f"node/{SPARE_NODE}", "--for=condition=Ready", "--timeout=60s")
