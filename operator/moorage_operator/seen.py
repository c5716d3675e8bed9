"""Reads what the API server holds into frozen values. Pure; bodies are plain JSON.

What a kubelet wrote may have any form: what is not as expected counts as not there.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

from moorage_operator.build.pod import SAFE_TO_EVICT
from moorage_operator.build.secret import DIGEST
from moorage_operator.observed import ContainerSeen, PodSeen, SecretSeen

Body = Mapping[str, Any]
_PHASES: Final = ("Pending", "Running", "Succeeded", "Failed")


def pod_seen(body: Body, *, node_ready: bool = True) -> PodSeen:
    """Return a pod as the plan sees it."""
    meta, status = body.get("metadata") or {}, body.get("status") or {}
    conditions = {each.get("type"): each for each in status.get("conditions") or ()}
    phase = status.get("phase")
    return PodSeen(
        uid=meta.get("uid") or "",
        phase=next((each for each in _PHASES if each == phase), _otherwise(phase)),
        reason=status.get("reason") or "",
        message=status.get("message") or "",
        node_name=(body.get("spec") or {}).get("nodeName"),
        deleting=bool(meta.get("deletionTimestamp")),
        unschedulable=_unschedulable(conditions.get("PodScheduled")),
        disrupted=_disrupted(conditions.get("DisruptionTarget")),
        node_ready=node_ready,
        safe_to_evict=(meta.get("annotations") or {}).get(SAFE_TO_EVICT) != "false",
        containers=tuple(_container(each) for each in status.get("containerStatuses") or ()),
    )


def secret_seen(body: Body) -> SecretSeen:
    """Return a Secret as the plan sees it: which spec it holds, never what else."""
    annotations = (body.get("metadata") or {}).get("annotations") or {}
    return SecretSeen(annotations.get(DIGEST) or "")


def node_ready(body: Body) -> bool:
    """Return whether a node's kubelet answers."""
    conditions = (body.get("status") or {}).get("conditions") or ()
    return any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions)


def _otherwise(phase: object) -> Literal["Pending", "Unknown"]:
    return "Pending" if phase in {None, ""} else "Unknown"


def _container(status: Body) -> ContainerSeen:
    name, states = status.get("name") or "", status.get("state") or {}
    if (state := states.get("terminated")) is not None:
        return ContainerSeen(
            name,
            "terminated",
            state.get("reason") or "",
            state.get("message") or "",
            state.get("exitCode"),
            parse_time(state.get("startedAt")),
        )
    if (state := states.get("running")) is not None:
        return ContainerSeen(name, "running", started_at=parse_time(state.get("startedAt")))
    state = states.get("waiting") or {}
    return ContainerSeen(name, "waiting", state.get("reason") or "", state.get("message") or "")


def _unschedulable(condition: Body | None) -> str:
    if condition is None or condition.get("status") != "False":
        return ""
    return condition.get("message") or condition.get("reason") or "The scheduler gave no cause."


def _disrupted(condition: Body | None) -> str:
    if condition is None or condition.get("status") != "True":
        return ""
    return condition.get("message") or condition.get("reason") or "No cause was given."


def parse_time(text: object) -> datetime | None:
    """Return a time as the API server writes it; None where there is none."""
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return None if moment is None or moment.tzinfo is None else moment
