"""Which node runs what: the first worker sessions and all else, the others sessions alone."""

from typing import Any, Final

from cluster import kind

CONTROL_PLANE_NODE: Final = f"{kind.NAME}-worker"
"""Where all of Moorage but its sessions is: this cluster's volumes are folders of a node anyway."""
SPARE_NODE: Final = f"{kind.NAME}-worker2"
"""With sessions only: it may be drained, or stop."""


def beside_sessions(workers: int) -> dict[str, Any]:
    """Return what places a pod that is not a session's; without workers there is one node."""
    return {"nodeSelector": {"kubernetes.io/hostname": CONTROL_PLANE_NODE}} if workers else {}
