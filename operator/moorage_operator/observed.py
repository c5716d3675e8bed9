"""What is seen of a session's surroundings at one moment: the one input of a decision beside it.

Everything is frozen, so that nothing changes in the middle of a decision. What is `None` or empty
is known to be absent: who gathers confirms that a pod is gone before saying so.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from moorage_api.resources import TemplateSpec, Usage
from moorage_api.state import SessionState

RUNNER = "runner"
AGENT = "agent"


@dataclass(frozen=True, slots=True)
class ContainerSeen:
    """A container of the pod."""

    name: str
    state: Literal["waiting", "running", "terminated"] = "waiting"
    reason: str = ""
    message: str = ""
    exit_code: int | None = None
    started_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PodSeen:
    """The session's pod."""

    uid: str
    phase: Literal["Pending", "Running", "Succeeded", "Failed", "Unknown"] = "Pending"
    reason: str = ""
    message: str = ""
    node_name: str | None = None
    deleting: bool = False
    unschedulable: str = ""
    """What the scheduler says of why there is no node for it."""
    disrupted: str = ""
    """What the condition DisruptionTarget says: a drain, a preemption, a taint."""
    node_ready: bool = True
    """Whether its node answers."""
    safe_to_evict: bool = True
    containers: tuple[ContainerSeen, ...] = ()

    def container(self, name: str) -> ContainerSeen:
        """Return the container of this name; one that waits, if the kubelet told nothing yet."""
        return next((each for each in self.containers if each.name == name), ContainerSeen(name))

    @property
    def over(self) -> bool:
        """Whether nothing runs in it any more."""
        return self.phase in {"Succeeded", "Failed"}


@dataclass(frozen=True, slots=True)
class SecretSeen:
    """The session's Secret: whether it holds the spec that is wanted now."""

    spec_digest: str = ""


@dataclass(frozen=True, slots=True)
class Live:
    """What Redis holds of the session. What the runner wrote is a claim."""

    reachable_since: datetime
    """Since when Redis has answered and known the session's user: before, no sign could come."""
    state: SessionState | None = None
    heartbeat: datetime | None = None
    """When the runner last gave a sign of life, by its node's clock. Who gathers remembers it, so
    that it stays when Redis loses it."""
    inputs_waiting: bool = False
    """Whether the inbox holds what no runner has taken yet."""
    access: bool = False
    """Whether the session's ACL user exists."""
    metered: Usage | None = None
    """What the credential proxy counted; None where it counted nothing yet."""


@dataclass(frozen=True, slots=True)
class Place:
    """A session's place in the line of those that wait to be admitted."""

    number: int = 0
    """0: it may run; n: it is the n-th to wait."""
    limit: str = ""
    """Which limit it waits for, as words for a sentence."""


@dataclass(frozen=True, slots=True)
class Observed:
    """All that is seen of a session's surroundings."""

    template: TemplateSpec | None = None
    invalid: str = ""
    """Why the session's own spec is none, although the API server took it. Empty: it is one."""
    pod: PodSeen | None = None
    secret: SecretSeen | None = None
    claim: bool = False
    """Whether its PersistentVolumeClaim exists."""
    live: Live | None = None
    """None: Redis does not answer."""
    flooded: bool = False
    """Whether it was cut off from Redis for what it wrote there."""
    place: Place = Place()
    refusal: str = ""
    """What the API server said when it refused to create what the session needs, just now."""
