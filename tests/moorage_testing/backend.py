"""Sessions in memory, for tests of the gateway: a backend that runs nothing."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from moorage_api.resources import (
    ClaudeSession,
    ObjectMeta,
    Phase,
    SessionStatus,
    TemplateSpec,
)
from moorage_gateway.backends.interface import (
    BackendUnavailable,
    NewSession,
    SessionChange,
    SessionExists,
    SessionMissing,
)


class MemoryBackend:
    """Holds sessions; tests say how they stand."""

    def __init__(self) -> None:
        self.sessions: dict[str, ClaudeSession] = {}
        self.templates: dict[str, TemplateSpec] = {}
        self.away = False
        self.fault: Exception | None = None
        self.calls: list[tuple[str, str]] = []
        self._watchers: set[asyncio.Queue[SessionChange]] = set()

    @asynccontextmanager
    async def opened(self, *_: object) -> AsyncIterator["MemoryBackend"]:
        """Yield it, as the application opens its backend."""
        yield self

    async def create(self, new: NewSession) -> ClaudeSession:
        self._require("create", new.name)
        named = (each for each in self.sessions.values() if each.metadata.name == new.name)
        found = next(named, None)
        if found is not None and not new.made(found):
            raise SessionExists(new.name)
        return found or self.place(new, str(uuid.uuid4()))

    def place(self, new: NewSession, session_id: str) -> ClaudeSession:
        """Have a session there, with this id."""
        session = ClaudeSession(
            metadata=ObjectMeta(
                name=new.name,
                uid=session_id,
                labels=new.labels,
                annotations=new.annotations,
                creation_timestamp=datetime.now(UTC),
            ),
            spec=new.spec,
            status=SessionStatus(phase=Phase.READY),
        )
        return self._put(session)

    def get(self, session_id: str) -> ClaudeSession:
        try:
            return self.sessions[session_id]
        except KeyError:
            raise SessionMissing(session_id) from None

    def list(self) -> list[ClaudeSession]:
        if self.fault is not None:
            raise self.fault
        return list(self.sessions.values())

    async def suspend(self, session_id: str, *, suspend: bool) -> ClaudeSession:
        """Ask for it; as with all backends its phase is another only later: see ``stand``."""
        self._require("suspend" if suspend else "resume", session_id)
        session = self.get(session_id)
        spec = session.spec.model_copy(update={"suspend": suspend})
        return self._put(session.model_copy(update={"spec": spec}))

    async def delete(self, session_id: str) -> None:
        self._require("delete", session_id)
        session = self.sessions.pop(session_id, None)
        if session is not None:
            self._tell(SessionChange("deleted", session))

    async def template(self, name: str) -> TemplateSpec | None:
        return self.templates.get(name)

    async def watch(self) -> AsyncIterator[SessionChange]:
        queue: asyncio.Queue[SessionChange] = asyncio.Queue()
        for session in self.sessions.values():
            queue.put_nowait(SessionChange("changed", session))
        self._watchers.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._watchers.discard(queue)

    async def ready(self) -> bool:
        return not self.away

    def stand(self, session_id: str, **status: Any) -> None:
        """Have the session stand so."""
        session = self.get(session_id)
        changed = session.status.model_copy(update=status)
        self._put(session.model_copy(update={"status": changed}))

    def own(self, session_id: str, owner: str | None) -> None:
        """Give the session to another user."""
        session = self.get(session_id)
        spec = session.spec.model_copy(update={"owner": owner})
        self._put(session.model_copy(update={"spec": spec}))

    def _put(self, session: ClaudeSession) -> ClaudeSession:
        self.sessions[session.metadata.uid or ""] = session
        self._tell(SessionChange("changed", session))
        return session

    def _tell(self, change: SessionChange) -> None:
        for queue in self._watchers:
            queue.put_nowait(change)

    def _require(self, call: str, session_id: str) -> None:
        if self.away:
            raise BackendUnavailable
        self.calls.append((call, session_id))
