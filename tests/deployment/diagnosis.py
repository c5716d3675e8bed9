"""Says what is not ready, and why: what a person would ask kubectl for, one pod a paragraph."""

from collections.abc import Iterable, Iterator

from cluster.kind import kubectl
from deployment.kube import Manifest, listed

_LINES = 5
_EVENTS = 3
_FEW = 40
"""Letters on a pod, where there is one line for all."""


def unready(namespaces: Iterable[str]) -> list[Manifest]:
    """Return the pods that are neither ready nor done."""
    pods = [pod for namespace in namespaces for pod in listed("pods", namespace)]
    return [pod for pod in pods if not _is_well(pod)]


def waits_for(namespaces: Iterable[str]) -> str:
    """Return a few words on what is waited for, to end a line with; empty for nothing."""
    words = [f"{pod['metadata']['name']} ({_states(pod)[:_FEW]})" for pod in unready(namespaces)]
    return f"; waits for {', '.join(words)}" if words else ""


def report(namespaces: Iterable[str]) -> str:
    """Return what is not ready, each with its events and its last words."""
    return "\n".join(line for pod in unready(namespaces) for line in _about(pod))


def _about(pod: Manifest) -> Iterator[str]:
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    yield f"  pod {name} in {namespace}: {_states(pod)}"
    warnings = [
        event["message"]
        for event in listed("events", namespace)
        if event["involvedObject"].get("name") == name and event["type"] == "Warning"
    ]
    yield from (f"    event: {message}" for message in warnings[-_EVENTS:])
    for status in _containers(pod):
        if status.get("ready") or ("waiting" in status["state"] and not status["restartCount"]):
            continue
        options = ["--previous"] if status["restartCount"] else []
        words = [f"--namespace={namespace}", f"--container={status['name']}", f"--tail={_LINES}"]
        said = kubectl("logs", name, *words, *options, seconds=20) or ""
        yield from (f"    {status['name']}: {line}" for line in said.splitlines())


def _is_well(pod: Manifest) -> bool:
    if pod["status"]["phase"] == "Succeeded":
        return True
    conditions = pod["status"].get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _containers(pod: Manifest) -> list[Manifest]:
    status = pod["status"]
    return [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]


def _states(pod: Manifest) -> str:
    """Return what holds it up: the first container that is not ready, or the scheduler."""
    for status in _containers(pod):
        state = status["state"].get("waiting") or status["state"].get("terminated") or {}
        if state and state.get("reason") != "Completed":
            return " ".join(filter(None, (state.get("reason"), state.get("message"))))
    unscheduled = [
        condition.get("message", "")
        for condition in pod["status"].get("conditions", ())
        if condition["type"] == "PodScheduled" and condition["status"] == "False"
    ]
    return unscheduled[0] if unscheduled else "runs, and is not ready yet"
