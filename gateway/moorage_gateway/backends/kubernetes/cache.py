"""What is known of the sessions: the newest word on each, in whatever order the words arrive.

Words come from lists, from watches and from the answers to writes. Of two on one session the one
with the greater resourceVersion holds. What is being deleted is gone for readers. An answer that
tells of a session the watch has seen the end of brings nothing back: a watch is in order, so what
it lacks and is not newer than the last it told of is not there any more.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import structlog
from pydantic import ValidationError

from moorage_api.kube.objects import Manifest
from moorage_api.resources import ClaudeSession
from moorage_gateway.backends.changes import Changes
from moorage_gateway.backends.interface import SessionChange, SessionMissing

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Entry:
    version: int
    namespace: str
    session: ClaudeSession | None
    """As it was last read; None: never, it cannot be."""
    deleted: bool = False
    """Whether it is on its way out; it is kept until the watch says that it is gone."""


class SessionCache:
    """All sessions of the watched namespaces."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._entries: dict[str, _Entry] = {}
        self._progress: dict[str, int] = {}
        """Up to which version each namespace's watch has told of everything."""
        self._unreadable: set[str] = set()
        self._order: list[str] | None = None
        """Those that are shown, oldest first; None: to be found out."""

    @property
    def unreadable(self) -> int:
        """How many sessions there are that this version's models do not fit."""
        return len(self._unreadable)

    def get(self, session_id: str) -> ClaudeSession:
        """Return the session.

        Raises:
            SessionMissing: if there is none.
        """
        entry = self._entries.get(session_id)
        if entry is None or entry.session is None or entry.deleted:
            raise SessionMissing(session_id)
        return entry.session

    def list(self) -> list[ClaudeSession]:
        """Return all sessions, oldest first."""
        if self._order is None:
            shown = sorted(self._present(), key=lambda each: _age(each[1]))
            self._order = [uid for uid, _ in shown]
        found = (self._entries[uid].session for uid in self._order)
        return [session for session in found if session is not None]

    def answered(self, body: Manifest) -> None:
        """Take in what the API server answered to a write: it may be older than what is known."""
        uid, namespace, version = _identity(body)
        if uid in self._entries or version > self._progress.get(namespace, 0):
            self._put(body)

    def told(self, namespace: str, kind: str, body: Manifest) -> None:
        """Take in an event of a watch."""
        if kind == "DELETED":
            self._drop(body["metadata"]["uid"])
        elif kind != "BOOKMARK":
            self._put(body)
        self._advance(namespace, int(body["metadata"]["resourceVersion"]))

    def listed(self, namespace: str, bodies: Iterable[Manifest], version: int) -> None:
        """Take in a whole list: what it lacks is gone, unless it was made after it."""
        present = set[str]()
        for body in bodies:
            present.add(_identity(body)[0])
            self._put(body)
        for uid, entry in list(self._entries.items()):
            if entry.namespace == namespace and uid not in present and entry.version <= version:
                self._drop(uid)
        self._advance(namespace, version)

    def hide(self, session_id: str) -> None:
        """Have a session gone for readers whose deletion the API server has taken."""
        entry = self._entries.get(session_id)
        if entry is not None:
            self._end(entry)

    def _advance(self, namespace: str, version: int) -> None:
        self._progress[namespace] = max(version, self._progress.get(namespace, 0))

    def _put(self, body: Manifest) -> None:
        uid, namespace, version = _identity(body)
        entry = self._entries.get(uid)
        if entry is None:
            entry = self._entries[uid] = _Entry(0, namespace, None)
        if version <= entry.version:
            return
        entry.version = version
        session = _parsed(body)
        if session is None:
            self._unreadable.add(uid)
        else:
            self._unreadable.discard(uid)
            if entry.session is None:
                self._order = None
            entry.session = session
        if body["metadata"].get("deletionTimestamp"):
            self._end(entry)
        elif session is not None and not entry.deleted:
            self._changes.tell(SessionChange("changed", session))

    def _end(self, entry: _Entry) -> None:
        """Have an entry gone for readers; they are told once, if they knew of it."""
        if not entry.deleted and entry.session is not None:
            self._changes.tell(SessionChange("deleted", entry.session))
        entry.deleted = True
        self._order = None

    def _drop(self, uid: str) -> None:
        entry = self._entries.pop(uid, None)
        self._unreadable.discard(uid)
        if entry is not None:
            self._end(entry)

    def _present(self) -> Iterator[tuple[str, ClaudeSession]]:
        for uid, entry in self._entries.items():
            if entry.session is not None and not entry.deleted:
                yield uid, entry.session


def _identity(body: Manifest) -> tuple[str, str, int]:
    """Return a session's UID, namespace and version: all that must be readable of one."""
    meta: dict[str, Any] = body["metadata"]
    return meta.get("uid") or "", meta.get("namespace") or "", int(meta["resourceVersion"])


def _parsed(body: Manifest) -> ClaudeSession | None:
    try:
        return ClaudeSession.model_validate(body)
    except ValidationError as error:
        meta = body["metadata"]
        log.warning(
            "session unreadable",
            session=meta.get("uid"),
            namespace=meta.get("namespace"),
            name=meta.get("name"),
            fields=[".".join(map(str, each["loc"])) for each in error.errors()][:5],
        )
        return None


def _age(session: ClaudeSession) -> tuple[float, str]:
    created = session.metadata.creation_timestamp
    return (created.timestamp() if created else 0.0, session.metadata.name)
