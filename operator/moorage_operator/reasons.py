"""Reasons that only the operator gives, beside those that all share (``moorage_api.reasons``).

docs/operator-reasons.md says of each what it means and what to do; a test keeps both together.
"""

from enum import StrEnum

from moorage_api.reasons import Reason


class PodReason(StrEnum):
    """What the operator sees of a session's surroundings and its pod."""

    # Before there is a pod
    TEMPLATE_NOT_FOUND = "TemplateNotFound"
    REDIS_UNAVAILABLE = "RedisUnavailable"
    CREATION_REFUSED = "CreationRefused"
    # While the pod starts
    UNSCHEDULABLE = "Unschedulable"
    IMAGE_PULL_FAILED = "ImagePullFailed"
    IMAGE_NAME_INVALID = "ImageNameInvalid"
    CONTAINER_NOT_STARTED = "ContainerNotStarted"
    # How a pod ends
    OUT_OF_MEMORY = "OutOfMemory"
    EVICTED = "Evicted"
    DISRUPTED = "Disrupted"
    NODE_LOST = "NodeLost"
    POD_DELETED = "PodDeleted"
    POD_FAILED = "PodFailed"
    RUNNER_RESTARTS = "RunnerRestarts"
    RUNNER_SILENT = "RunnerSilent"
    EVENT_FLOOD = "EventFlood"


AnyReason = Reason | PodReason
"""What a condition of the operator may give as its reason."""

CLONE_REASONS: frozenset[str] = frozenset(
    {
        Reason.REPOSITORY_NOT_FOUND,
        Reason.REPOSITORY_REFUSED,
        Reason.REF_NOT_FOUND,
        Reason.DISK_FULL,
        Reason.CLONE_TIMEOUT,
        Reason.CLONE_FAILED,
    }
)
"""Reasons that say why there is no clone."""
