"""The session's pod: two containers, as hard a boundary as the cluster offers, no init step.

Decision record 0021 says why there is no init container and why there are no probes.
"""

from typing import Final

from moorage_api.kube.objects import Manifest
from moorage_api.names import GROUP, LABEL_MANAGED_BY, LABEL_NAME, LABEL_PART_OF
from moorage_operator.build.containers import (
    GROUP_ID,
    SCRATCH,
    agent_container,
    runner_container,
    volumes,
)
from moorage_operator.build.metadata import Subject
from moorage_operator.observed import RUNNER
from moorage_operator.settings import PodSettings

DEFAULT_CONTAINER: Final = "kubectl.kubernetes.io/default-container"
EVICTABLE_VOLUMES: Final = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"
"""Without it an autoscaler would never empty a node with such pods: they all have an emptyDir. An
ephemeral workspace is not named, so that it does keep its node."""

SAFE_TO_EVICT: Final = "cluster-autoscaler.kubernetes.io/safe-to-evict"
LABEL_WORKING: Final = f"{GROUP}/working"
"""On a pod while its session works: what the PodDisruptionBudget selects by."""

BUDGET_NAME: Final = "moorage-working-sessions"
_NEVER_REACHED: Final = 1_000_000


def build_pod(subject: Subject, settings: PodSettings, redis_ca: str | None = None) -> Manifest:
    """Return the session's pod; ``redis_ca`` as PEM: what Redis' certificate must be of."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": subject.metadata(
            {DEFAULT_CONTAINER: RUNNER, EVICTABLE_VOLUMES: ",".join(SCRATCH)}
        ),
        "spec": _common(settings)
        | _wishes(subject, settings)
        | {
            "containers": [
                runner_container(subject, settings, redis_ca),
                agent_container(subject, settings),
            ],
            "volumes": volumes(subject, settings),
        },
    }


def mark_patch(*, safe_to_evict: bool) -> Manifest:
    """Return the merge patch that tells autoscaler and drain whether they may evict the pod."""
    return {
        "metadata": {
            "annotations": {SAFE_TO_EVICT: None if safe_to_evict else "false"},
            "labels": {LABEL_WORKING: None if safe_to_evict else "true"},
        }
    }


def build_budget(namespace: str) -> Manifest:
    """Return the PodDisruptionBudget that keeps a drain from pods at work, one for a namespace.

    Of pods that no scalable controller owns, a budget takes a number of pods only: one that is
    never reached allows no eviction. Pods that are not ready may always go.
    """
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {
            "name": BUDGET_NAME,
            "namespace": namespace,
            "labels": {
                LABEL_NAME: "moorage",
                LABEL_PART_OF: "moorage",
                LABEL_MANAGED_BY: "moorage-operator",
            },
        },
        "spec": {
            "minAvailable": _NEVER_REACHED,
            "selector": {"matchLabels": {LABEL_WORKING: "true"}},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


def _common(settings: PodSettings) -> Manifest:
    """Return what all session pods have in common."""
    return {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": settings.grace_seconds,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "shareProcessNamespace": False,
        "securityContext": {
            "runAsNonRoot": True,
            "fsGroup": GROUP_ID,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


def _wishes(subject: Subject, settings: PodSettings) -> Manifest:
    """Return what the spec and the settings ask for; the rest is left to the cluster."""
    spec = subject.spec
    wishes: Manifest = {
        "hostUsers": settings.host_users,
        "imagePullSecrets": [{"name": name} for name in settings.pull_secrets],
        "runtimeClassName": spec.runtime_class_name,
        "nodeSelector": dict(spec.node_selector),
        "tolerations": [
            each.model_dump(by_alias=True, exclude_none=True) for each in spec.tolerations
        ],
        "priorityClassName": spec.priority_class_name or settings.priority_class,
    }
    return {key: value for key, value in wishes.items() if value not in (None, [], {})}
