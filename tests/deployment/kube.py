"""Objects of the cluster, read and written with kubectl as its administrator."""

import json
import subprocess
from typing import Any

from cluster.errors import ClusterError
from cluster.kind import kubectl
from cluster.places import kubeconfig
from cluster.tools import tool

Manifest = dict[str, Any]


class Refused(ClusterError):  # noqa: N818 - it says what is so
    """kubectl ended with an error."""

    def __init__(self, what: str, said: str) -> None:
        super().__init__(f"{what}: {said.strip() or 'kubectl gave no reason'}")


def run_kubectl(*arguments: str, given: str | None = None, seconds: float = 120) -> str:
    """Return what kubectl prints; ``given`` is its standard input, where secrets are out of sight.

    Raises:
        Refused: if it ends with an error.
    """
    what = f"kubectl {' '.join(arguments[:3])}"
    try:
        done = subprocess.run(
            [tool("kubectl"), f"--kubeconfig={kubeconfig()}", *arguments],
            input=given or "",
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        raise Refused(what, f"no answer within {seconds:.0f} s") from None
    if done.returncode:
        raise Refused(what, done.stderr)
    return done.stdout


def apply(*objects: Manifest) -> None:
    """Create the objects, or bring them to what is given."""
    listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    run_kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", given=json.dumps(listed))


def listed(kind: str, namespace: str) -> list[Manifest]:
    """Return the objects of a kind; none if they cannot be had."""
    printed = kubectl("get", kind, f"--namespace={namespace}", "--output=json", seconds=20)
    items: list[Manifest] = json.loads(printed)["items"] if printed else []
    return items
