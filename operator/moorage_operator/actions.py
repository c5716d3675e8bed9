"""What a plan may ask for. Each is one write, and safe to do again.

The order of a plan's writes is the same always (``Plan.steps``): what is created comes before the
status that tells of it, what is ended after it. So a crash between any two leaves either objects
that the next pass finds by their names, or a status that says why the rest has to go.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CreateClaim:
    """Create the PersistentVolumeClaim of the workspace."""


@dataclass(frozen=True, slots=True)
class CreateSecret:
    """Create the Secret with the Redis login, the session token and the resolved spec."""


@dataclass(frozen=True, slots=True)
class UpdateSecret:
    """Write the resolved spec as it is now into the Secret; login and token stay."""


@dataclass(frozen=True, slots=True)
class GrantAccess:
    """Create the session's Redis user, with the login that the Secret holds."""


@dataclass(frozen=True, slots=True)
class CreatePod:
    """Create the pod."""


@dataclass(frozen=True, slots=True)
class DeletePod:
    """Delete the pod with this UID, and no other that has its name since."""

    uid: str


@dataclass(frozen=True, slots=True)
class MarkPod:
    """Say on the pod whether an autoscaler may evict it."""

    uid: str
    safe_to_evict: bool


@dataclass(frozen=True, slots=True)
class SetSuspend:
    """Write spec.suspend."""

    suspend: bool


@dataclass(frozen=True, slots=True)
class RevokeAccess:
    """Delete the session's Redis user, and its grant at the credential proxy."""

    over: bool = True
    """Whether the session has ended, so that its keys may expire."""


@dataclass(frozen=True, slots=True)
class DeleteSession:
    """Delete the session; what it owns goes with it."""


Creation = CreateClaim | CreateSecret | UpdateSecret | GrantAccess | CreatePod
Ending = DeletePod | MarkPod | SetSuspend | RevokeAccess | DeleteSession
Action = Creation | Ending
