"""Sessions as a platform team has them: applied, watched and deleted with kubectl."""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from deployment.kube import Refused, apply, listed, run_kubectl
from deployment.model import SAMPLE
from deployment.release import SESSIONS

PATIENCE: Final = 150.0
"""Seconds until a test gives up: what a busy machine with two cores may need."""

_SPEC: Final[dict[str, Any]] = {
    "repository": {"url": SAMPLE},
    "claude": {"allowedTools": ["Bash", "Write"]},
    "workspace": {"kind": "ephemeral", "size": "1Gi"},
    "resources": {
        "requests": {"cpu": "20m", "memory": "128Mi"},
        "limits": {"cpu": "1", "memory": "1Gi"},
    },
    "retry": {"limit": 3, "backoff": "2s"},
    "timeouts": {"start": "3m"},
}
"""A session that costs little and asks nobody."""


def kubectl(*arguments: str) -> str:
    """Return what kubectl prints, in the sessions' namespace; it must succeed."""
    return run_kubectl(f"--namespace={SESSIONS}", *arguments, seconds=PATIENCE + 30)


def eventually(holds: Callable[[], bool], what: Callable[[], str] | str) -> None:
    """Wait for ``holds``, and look less often the longer it takes: each look costs a kubectl."""
    deadline = time.monotonic() + PATIENCE
    pause = 0.25
    while not holds():
        if time.monotonic() >= deadline:
            raise AssertionError(f"waited in vain for {what if isinstance(what, str) else what()}")
        time.sleep(pause)
        pause = min(1.5 * pause, 2.0)


@dataclass(frozen=True)
class Session:
    """A ClaudeSession by its name."""

    name: str

    def apply(self, **spec: Any) -> None:
        """Create it, with what differs from a small one that asks nobody."""
        apply(
            {
                "apiVersion": "moorage.dev/v1alpha1",
                "kind": "ClaudeSession",
                "metadata": {"name": self.name, "namespace": SESSIONS},
                "spec": _SPEC | spec,
            }
        )

    def get(self) -> dict[str, Any]:
        """Return the resource."""
        body: dict[str, Any] = json.loads(kubectl("get", self._path, "--output=json"))
        return body

    @property
    def status(self) -> dict[str, Any]:
        """How it stands."""
        status: dict[str, Any] = self.get().get("status", {})
        return status

    def wait(self, wanted: str) -> None:
        """Wait as `kubectl wait --for` does; if in vain, say how all of it stands."""
        try:
            kubectl("wait", self._path, f"--for={wanted}", f"--timeout={PATIENCE:.0f}s")
        except Refused as refused:
            raise AssertionError(f"{refused}\n{self._standing()}") from refused

    def wait_for_phase(self, phase: str) -> None:
        """Wait until it is in a phase."""
        self.wait(f"jsonpath={{.status.phase}}={phase}")

    def reasons(self) -> list[str]:
        """Return the reasons of its events, as `kubectl describe` shows them."""
        mine = (
            event
            for event in listed("events", SESSIONS)
            if event["involvedObject"].get("name") == self.name
        )
        return [event["reason"] for event in mine]

    def wait_for_reason(self, reason: str) -> None:
        """Wait until an event tells of a reason."""
        eventually(
            lambda: reason in self.reasons(),
            lambda: f"{reason}; seen {self.reasons()}; {self.status}",
        )

    def pods(self) -> list[dict[str, Any]]:
        """Return its pods: one, or none."""
        found = kubectl("get", "pods", self._pods, "-ojson")
        items: list[dict[str, Any]] = json.loads(found)["items"]
        return items

    @property
    def pod(self) -> dict[str, Any]:
        """Its one pod."""
        (pod,) = self.pods()
        return pod

    @property
    def pod_name(self) -> str:
        """The name of its pod."""
        name: str = self.pod["metadata"]["name"]
        return name

    @property
    def log(self) -> str:
        """The conversation, as `kubectl logs` shows it."""
        return kubectl("logs", self.pod_name)

    def patch(self, **spec: Any) -> None:
        """Change its spec."""
        kubectl("patch", self._path, "--type=merge", f"--patch={json.dumps({'spec': spec})}")

    def delete(self) -> None:
        """Ask for its deletion."""
        kubectl("delete", self._path, "--ignore-not-found", "--wait=false")

    def _standing(self) -> str:
        words = ["logs", self._pods, "--all-containers", "--prefix", "--tail=40"]
        found = [kubectl("describe", self._path), kubectl("describe", "pods", self._pods)]
        with suppress(Refused):  # of a pod that does not run there are none
            found.append(kubectl(*words))
        return "\n".join(found)

    @property
    def _pods(self) -> str:
        return f"--selector=moorage.dev/session={self.name}"

    @property
    def _path(self) -> str:
        return f"claudesession/{self.name}"
