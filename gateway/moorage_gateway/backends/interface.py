"""The interface to sessions. Nothing else in the gateway knows what is behind it.

Two implementations: ``local`` (the runner as a child process) and, in a cluster, Kubernetes.
Reads are answered from memory, which a watch keeps true; writes go to the truth.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, Protocol

from moorage_api.names import ANNOTATION_CREATION_ID
from moorage_api.resources import ClaudeSession, SessionSpec, StatusCause, TemplateSpec


class SessionMissing(LookupError):  # noqa: N818 - read as a sentence
    """There is no session with this id."""


class SessionExists(ValueError):  # noqa: N818 - read as a sentence
    """There is another session with this name already."""


class BackendUnavailable(RuntimeError):  # noqa: N818 - read as a sentence
    """What runs the sessions does not answer."""

    def __init__(
        self, cause: str = "", *, retry_after: timedelta | None = None, undone: bool = False
    ) -> None:
        super().__init__(cause)
        self.retry_after = retry_after
        self.undone = undone
        """Whether it is certain that nothing was done: an answer that got lost proves nothing."""


class SessionRefused(ValueError):  # noqa: N818 - read as a sentence
    """What runs the sessions will not have it. The message is a sentence for people."""

    def __init__(
        self, message: str, *, forbidden: bool, causes: Sequence[StatusCause] = ()
    ) -> None:
        super().__init__(message)
        self.message = message
        self.forbidden = forbidden
        """Whether that is for want of a permission or a quota: no other content would do."""
        self.causes = causes
        """Which fields of the resource it is about, as far as it says."""


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session to create.

    The creation's id is the caller's, so that a repeated create is found again; the session's own
    is given to it when it is created.
    """

    creation_id: str
    name: str
    spec: SessionSpec
    labels: dict[str, str]

    @property
    def annotations(self) -> dict[str, str]:
        """What marks the session as the one of this creation."""
        return {ANNOTATION_CREATION_ID: self.creation_id}

    def made(self, session: ClaudeSession) -> bool:
        """Return whether ``session`` is the one of this creation."""
        return (
            creation_id_of(session) == self.creation_id
            and session.metadata.name == self.name
            and session.spec.owner == self.spec.owner
        )


def creation_id_of(session: ClaudeSession) -> str | None:
    """Return the id of the creation that the session says it comes from: a claim, no proof."""
    return session.metadata.annotations.get(ANNOTATION_CREATION_ID)


@dataclass(frozen=True, slots=True)
class SessionChange:
    """What a watch reports: the session as it is now (or was, when it is deleted)."""

    kind: Literal["changed", "deleted"]
    session: ClaudeSession


class SessionBackend(Protocol):
    """Sessions as resources: what should run and how it stands."""

    async def create(self, new: NewSession) -> ClaudeSession:
        """Create a session; one that was created with the same creation id is returned.

        Raises:
            SessionExists: if there is another one with this name.
            SessionRefused: if it may not be, or not like this.
            BackendUnavailable: if it cannot be written down, or perhaps was.
        """
        ...

    def get(self, session_id: str) -> ClaudeSession:
        """Return the session: the same object until something about it changes, then another.

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

    async def template(self, name: str) -> TemplateSpec | None:
        """Return what sessions of this template have in common; None if there is none.

        Raises:
            BackendUnavailable: if that cannot be found out.
        """
        ...

    def watch(self) -> AsyncIterator[SessionChange]:
        """Yield every present session as changed, then each change, until closed."""
        ...

    async def ready(self) -> bool:
        """Return whether sessions can be created and read now."""
        ...
