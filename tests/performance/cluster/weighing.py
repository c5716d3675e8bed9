"""Measures what sessions that rest hold of memory, and what the control plane does beside them."""

import json
import uuid
from functools import partial
from statistics import median
from typing import Any, Final

from deployment.kube import apply, listed, run_kubectl
from deployment.model import SAMPLE
from deployment.release import NAMESPACE, SESSIONS
from performance.figures import Figure, Measured

_LABEL: Final = "moorage.dev/team"
_MIB: Final = 2**20


def measure(count: int) -> Measured:
    """Make sessions that answer once and rest; then ask the kubelets."""
    team = f"bench-{uuid.uuid4().hex[:8]}"
    apply(*(_session(f"{team}-{number}", team) for number in range(count)))
    try:
        chosen = (f"--namespace={SESSIONS}", f"--selector={_LABEL}={team}")
        wait = ("wait", "claudesessions", "--for=condition=AwaitingInput", "--timeout=600s")
        run_kubectl(*wait, *chosen, seconds=630)
        held = _held()
    finally:
        run_kubectl("delete", "claudesessions", *chosen, "--timeout=180s", seconds=200)
    return _figures(count, held)


def _figures(count: int, held: list[dict[str, Any]]) -> Measured:
    rest = [pod for pod in held if pod["namespace"] == SESSIONS]
    control = [pod for pod in held if pod["namespace"] == NAMESPACE]
    figure = partial(Figure, f"memory with {count} sessions at rest")
    figures = [
        figure("a session's pod, median", round(median(pod["mebibytes"] for pod in rest)), "MiB"),
        figure("a session's pod, most", round(max(pod["mebibytes"] for pod in rest)), "MiB"),
    ]
    control.sort(key=lambda pod: str(pod["name"]))
    figures += [figure(pod["name"], round(pod["mebibytes"]), "MiB") for pod in control]
    return Measured(figures, {"pods": held})


def _held() -> list[dict[str, Any]]:
    """Return the working set of each pod, as its kubelet tells it."""
    names = [node["metadata"]["name"] for node in listed("nodes", "")]
    summaries = [
        json.loads(run_kubectl("get", f"--raw=/api/v1/nodes/{name}/proxy/stats/summary"))
        for name in names
    ]
    return [
        {
            **{key: pod["podRef"][key] for key in ("namespace", "name")},
            "mebibytes": sum(_working_set(each) for each in pod.get("containers", ())) / _MIB,
            "containers": {each["name"]: _working_set(each) for each in pod.get("containers", ())},
        }
        for summary in summaries
        for pod in summary["pods"]
    ]


def _working_set(container: dict[str, Any]) -> int:
    size: int = container.get("memory", {}).get("workingSetBytes", 0)
    return size


def _session(name: str, team: str) -> dict[str, Any]:
    """Return a session that asks for little of its node, so that many have room."""
    return {
        "apiVersion": "moorage.dev/v1alpha1",
        "kind": "ClaudeSession",
        "metadata": {"name": name, "namespace": SESSIONS, "labels": {_LABEL: team}},
        "spec": {
            "repository": {"url": SAMPLE},
            "prompt": "Say hello. [[script:hello]]",
            "workspace": {"kind": "ephemeral"},
            "resources": {"requests": {"cpu": "20m", "memory": "256Mi"}},
        },
    }
