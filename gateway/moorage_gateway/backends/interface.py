"""The interface to sessions. Nothing else in the gateway knows what is behind it.

Two implementations: ``local`` (the runner as a child process) and, in a cluster, Kubernetes.
Reads are answered from memory, which a watch keeps true; writes go to the truth.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal, Protocol

from moorage_api.resources import ClaudeSession, SessionSpec


class SessionMissing(LookupError):  # noqa: N818 - read as a sentence
    """There is no session with this id."""


class SessionExists(ValueError):  # noqa: N818 - read as a sentence
    """There is a session with this id already."""


class BackendUnavailable(RuntimeError):  # noqa: N818 - read as a sentence
    """What runs the sessions does not answer."""


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session to create. The id is the caller's, so that a repeated create is found again."""

    session_id: str
    name: str
    spec: SessionSpec
    labels: dict[str, str]
    annotations: dict[str, str]


@dataclass(frozen=True, slots=True)
class SessionChange:
    """What a watch reports: the session as it is now (or was, when it is deleted)."""

    kind: Literal["changed", "deleted"]
    session: ClaudeSession


class SessionBackend(Protocol):
    """Sessions as resources: what should run and how it stands."""

    async def create(self, new: NewSession) -> ClaudeSession:
        """Create a session.

        Raises:
            SessionExists: if there is one with this id.
            BackendUnavailable: if it cannot be written down.
        """
        ...

    def get(self, session_id: str) -> ClaudeSession:
        """Return the session.

        Raises:
            SessionMissing: if there is none.
        """
        ...

    def list(self) -> list[ClaudeSession]:
        """Return all sessions, oldest first."""
        ...

    async def suspend(self, session_id: str, *, suspend: bool) -> ClaudeSession:
        """Set spec.suspend: true stops the runner and keeps everything, false runs it again.

        Raises:
            SessionMissing: if there is none.
        """
        ...

    async def delete(self, session_id: str) -> None:
        """Delete the session with all that runs for it. No error if there is none."""
        ...

    def watch(self) -> AsyncIterator[SessionChange]:
        """Yield every present session as changed, then each change, until closed."""
        ...

    async def ready(self) -> bool:
        """Return whether sessions can be created and read now."""
        ...
