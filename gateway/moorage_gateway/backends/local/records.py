"""What the backend holds of its sessions in memory, and how that gets onto the disk."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from moorage_api.resources import ClaudeSession
from moorage_gateway.backends.changes import Changes
from moorage_gateway.backends.interface import SessionChange, SessionMissing
from moorage_gateway.backends.local.observation import Observed
from moorage_gateway.backends.local.processes import GuardedProcess
from moorage_gateway.backends.local.status import describe
from moorage_gateway.backends.local.store import SessionStore

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Record:
    """A session, what was seen of its process, and the process itself."""

    session: ClaudeSession
    seen: Observed = field(default_factory=Observed)
    process: GuardedProcess | None = None
    written: ClaudeSession | None = None
    removing: bool = False
    rests_until: datetime | None = None
    """Until when no sweep has to look at it; None: every sweep does."""

    @property
    def id(self) -> str:
        """The session's id."""
        return str(self.session.metadata.uid)

    @property
    def deleted(self) -> bool:
        """Whether it is only kept until nothing of it is left."""
        return self.session.metadata.deletion_timestamp is not None


class Records:
    """All sessions, and the one place that changes, tells and writes them."""

    def __init__(self, store: SessionStore, changes: Changes) -> None:
        self._store = store
        self._changes = changes
        self._records: dict[str, Record] = {}
        self._writing = asyncio.Lock()

    def __iter__(self) -> Iterator[Record]:
        """Iterate over all, deleted ones that are not removed yet too."""
        return iter(list(self._records.values()))

    def find(self, session_id: str) -> Record | None:
        """Return the session's record, also of a deleted session."""
        return self._records.get(session_id)

    def get(self, session_id: str) -> Record:
        """Return the session's record.

        Raises:
            SessionMissing: if there is none, or it is deleted.
        """
        record = self._records.get(session_id)
        if record is None or record.deleted:
            raise SessionMissing(session_id)
        return record

    def named(self, name: str) -> Record | None:
        """Return the session of this name that is not deleted, if there is one."""
        present = (each for each in self._records.values() if not each.deleted)
        return next((each for each in present if each.session.metadata.name == name), None)

    def visible(self) -> list[ClaudeSession]:
        """Return all sessions that are not deleted, oldest first."""
        return [each.session for each in self._records.values() if not each.deleted]

    def load(self, now: datetime) -> None:
        """Read every session from the disk. None has a process: the guard saw to that."""
        for session in self._store.load():
            described = session
            if session.metadata.deletion_timestamp is None:
                described = describe(session, Observed(), now)
            record = Record(described, written=session)
            self._records[record.id] = record

    async def add(self, session: ClaudeSession) -> Record:
        """Add a new session once it stands on the disk.

        Raises:
            OSError: if it cannot be written.
        """
        record = Record(session, written=session)
        await asyncio.to_thread(self._store.save, session, durable=True)
        self._records[record.id] = record
        self._changes.tell(SessionChange("changed", session))
        return record

    def change(self, record: Record, session: ClaudeSession) -> None:
        """Take over ``session`` as the record's, and tell watchers if it is another."""
        if session == record.session:
            return
        version = int(record.session.metadata.resource_version or 0) + 1
        metadata = session.metadata.model_copy(update={"resource_version": str(version)})
        was_deleted = record.deleted
        record.session = session.model_copy(update={"metadata": metadata})
        if not was_deleted:
            kind = "deleted" if record.deleted else "changed"
            self._changes.tell(SessionChange(kind, record.session))  # type: ignore[arg-type]

    async def erase(self, record: Record) -> None:
        """Delete the session's files; `removing` must be set, so that none is written after."""
        async with self._writing:
            await asyncio.to_thread(self._store.remove, record.id)

    def forget(self, record: Record) -> None:
        """Drop a session of which nothing is left."""
        self._records.pop(record.id, None)

    async def write(self, record: Record) -> None:
        """Write the session down if it changed; with a sync if more than its figures did.

        Raises:
            OSError: if it cannot be written.
        """
        async with self._writing:
            session = record.session
            if session is record.written or record.removing:
                return
            durable = _weight(session) != _weight(record.written)
            await asyncio.to_thread(self._store.save, session, durable=durable)
            record.written = session

    async def write_changed(self) -> None:
        """Write down every session that changed; what cannot be written is tried again later."""
        for record in self:
            try:
                await self.write(record)
            except OSError as error:
                _log.error("session not written", session=record.id, cause=error.strerror)


def _weight(session: ClaudeSession | None) -> object:
    """Return what must not be lost: the rest can be read from Redis again."""
    if session is None:
        return None
    metadata, status = session.metadata, session.status
    return (metadata.generation, metadata.deletion_timestamp, status.phase, status.attempts)
