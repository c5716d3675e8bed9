"""Says of a pod how it ended, or that it cannot come up: the verdict, the reason, what to do.

An ordered chain of looks at the pod, of which the first with an answer counts. What lies deeper
comes first: an agent killed for want of memory also ends its runner, but memory is the cause.
What the runner says of its own end is a claim, so a reason it may not give counts as its failure.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from pydantic_core import from_json

from moorage_api.reasons import PERMANENT, ExitCode, Reason
from moorage_operator.observed import AGENT, RUNNER, ContainerSeen, PodSeen
from moorage_operator.reasons import AnyReason, PodReason

MAX_MESSAGE: Final = 4096
_NODE_REASONS = frozenset({"NodeLost", "NodeShutdown", "Shutdown", "Terminated", "NodeAffinity"})
_PULL_REASONS = frozenset({"ImagePullBackOff", "ErrImageNeverPull"})
_CREATE_REASONS = frozenset(
    {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
)


class Verdict(Enum):
    """What follows from an end."""

    COMPLETE = "complete"
    """The session succeeded."""
    AGAIN = "again"
    """Nobody's failure: it is started again, and that does not count."""
    FAILED = "failed"
    """A failure: it is started again as often as retry.limit allows."""
    BROKEN = "broken"
    """A failure that starting again cannot mend."""


@dataclass(frozen=True, slots=True)
class PodEnd:
    """How a pod ended."""

    verdict: Verdict
    reason: AnyReason
    message: str


def diagnose(pod: PodSeen) -> PodEnd | None:
    """Return how the pod ended; None while it may still become or stay well."""
    return next((end for look in _LOOKS if (end := look(pod))), None)


def departure(pod: PodSeen) -> PodEnd:
    """Say why a pod goes that nobody here asked to go."""
    if not pod.node_ready or pod.reason in _NODE_REASONS:
        return PodEnd(
            Verdict.AGAIN,
            PodReason.NODE_LOST,
            f"The node {pod.node_name or 'of its pod'} does not answer. The session goes on "
            "elsewhere once the pod is gone. If the node is lost for good, delete it (kubectl "
            "delete node) or taint it with node.kubernetes.io/out-of-service.",
        )
    if pod.disrupted:
        return PodEnd(
            Verdict.AGAIN,
            PodReason.DISRUPTED,
            f"Its pod had to leave its node: {_clipped(pod.disrupted)} The session goes on in "
            "another pod.",
        )
    return GONE


GONE: Final = PodEnd(
    Verdict.AGAIN,
    PodReason.POD_DELETED,
    "Its pod was deleted by someone else than the operator. The session goes on in another; to "
    "stop it, set spec.suspend or delete the session.",
)
"""A pod that is not there although it should be."""


def _out_of_memory(pod: PodSeen) -> PodEnd | None:
    killed = [each.name for each in pod.containers if each.reason == "OOMKilled"]
    if not killed or pod.container(RUNNER).exit_code == ExitCode.COMPLETE:
        return None
    advice = (
        "Raise resources.limits.memory of the session or its template, or have it do less at once."
        if AGENT in killed
        else "Raise the memory limit of the runner in the operator's settings."
    )
    message = f"The container {killed[0]} was killed for want of memory. {advice}"
    return PodEnd(Verdict.FAILED, PodReason.OUT_OF_MEMORY, message)


def _evicted(pod: PodSeen) -> PodEnd | None:
    if pod.phase != "Failed" or pod.reason != "Evicted":
        return None
    message = (
        f"The node evicted its pod: {_clipped(pod.message) or 'no cause was given.'} If this comes "
        "again, raise resources.requests or workspace.size, so that the scheduler reserves more."
    )
    return PodEnd(Verdict.FAILED, PodReason.EVICTED, message)


def _taken_away(pod: PodSeen) -> PodEnd | None:
    if pod.phase == "Unknown":
        return departure(pod)
    if pod.phase == "Failed" and (pod.disrupted or pod.reason in _NODE_REASONS):
        return departure(pod)
    return None


def _no_image(pod: PodSeen) -> PodEnd | None:
    for each in _waiting(pod):
        if each.reason == "InvalidImageName":
            message = (
                f"The image of the container {each.name} has no valid name: "
                f"{_clipped(each.message)} Create a session with another spec.image."
            )
            return PodEnd(Verdict.BROKEN, PodReason.IMAGE_NAME_INVALID, message)
        if each.reason in _PULL_REASONS:
            message = (
                f"The image of the container {each.name} cannot be pulled: "
                f"{_clipped(each.message)} Check its name and tag, and that the cluster may pull "
                "it (imagePullSecrets)."
            )
            return PodEnd(Verdict.FAILED, PodReason.IMAGE_PULL_FAILED, message)
    return None


def _not_created(pod: PodSeen) -> PodEnd | None:
    for each in _waiting(pod):
        if each.reason in _CREATE_REASONS:
            message = f"The container {each.name} could not be started: {_clipped(each.message)}"
            return PodEnd(Verdict.FAILED, PodReason.CONTAINER_NOT_STARTED, message)
    return None


def _runner_ended(pod: PodSeen) -> PodEnd | None:
    runner = pod.container(RUNNER)
    if runner.state != "terminated":
        return None
    if runner.exit_code == ExitCode.COMPLETE:
        return PodEnd(Verdict.COMPLETE, Reason.COMPLETED, "The session is complete.")
    reason, message = _last_words(runner)
    if runner.exit_code == ExitCode.AGAIN:
        said = message or "The runner asked to be started again."
        return PodEnd(Verdict.AGAIN, PodReason.RUNNER_RESTARTS, said)
    verdict = Verdict.BROKEN if reason in PERMANENT else Verdict.FAILED
    return PodEnd(verdict, reason, message or _exit_words(runner))


def _agent_ended(pod: PodSeen) -> PodEnd | None:
    """Without its agent the runner cannot go on; an agent that ends well waits for its runner."""
    agent = pod.container(AGENT)
    if agent.state != "terminated" or agent.exit_code == 0:
        return None
    return PodEnd(Verdict.FAILED, Reason.AGENT_ENDED, _exit_words(agent))


def _failed_otherwise(pod: PodSeen) -> PodEnd | None:
    if pod.phase == "Succeeded":
        return PodEnd(Verdict.COMPLETE, Reason.COMPLETED, "The session is complete.")
    if pod.phase != "Failed":
        return None
    said = _clipped(pod.message or pod.reason) or "no cause was given."
    return PodEnd(Verdict.FAILED, PodReason.POD_FAILED, f"Its pod failed: {said}")


_LOOKS: Final[tuple[Callable[[PodSeen], PodEnd | None], ...]] = (
    _out_of_memory,
    _evicted,
    _taken_away,
    _no_image,
    _not_created,
    _runner_ended,
    _agent_ended,
    _failed_otherwise,
)


def _waiting(pod: PodSeen) -> list[ContainerSeen]:
    return [each for each in pod.containers if each.state == "waiting"]


def _last_words(runner: ContainerSeen) -> tuple[Reason, str]:
    """Return the termination message's reason and sentence: JSON, or plain text."""
    text = runner.message.strip()
    try:
        body = from_json(text)
    except ValueError:
        return Reason.RUNNER_FAILED, _clipped(text)
    if not isinstance(body, dict):
        return Reason.RUNNER_FAILED, _clipped(text)
    reason, message = body.get("reason"), body.get("message")
    known = next((each for each in Reason if each.value == reason), Reason.RUNNER_FAILED)
    return known, _clipped(message) if isinstance(message, str) else ""


def _exit_words(container: ContainerSeen) -> str:
    return f"The container {container.name} ended with code {container.exit_code}."


def _clipped(text: str) -> str:
    """Return the text cut to a bearable length, as a whole sentence."""
    text = text.strip()[:MAX_MESSAGE].rstrip()
    return text if not text or text[-1] in ".!?" else f"{text}."
