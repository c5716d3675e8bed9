"""Sessions as files: sessions/UID/session.json and what else belongs to one."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import structlog
from pydantic import ValidationError

from moorage_api.resources import ClaudeSession, SessionSpec

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Folder:
    """Where a session's files are."""

    root: Path

    @property
    def resource(self) -> Path:
        """The session as it was last written down."""
        return self.root / "session.json"

    @property
    def spec(self) -> Path:
        """The resolved spec, for the runner."""
        return self.root / "spec.json"

    @property
    def workspace(self) -> Path:
        """What the runner keeps."""
        return self.root / "workspace"

    @property
    def log(self) -> Path:
        """What the runner prints."""
        return self.root / "runner.log"

    @property
    def termination(self) -> Path:
        """Why the runner failed, in its own words."""
        return self.root / "termination-message"


class SessionStore:
    """The sessions' folders. A write replaces a file as a whole or not at all."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def folder(self, session_id: str) -> Folder:
        """Return where the session's files are, whether there are any or not."""
        return Folder(self._root / session_id)

    def load(self) -> list[ClaudeSession]:
        """Return every session that can be read, oldest first. What cannot is left and named."""
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = []
        for file in self._root.glob("*/session.json"):
            try:
                session = ClaudeSession.model_validate_json(file.read_bytes())
            except (OSError, ValidationError) as error:
                _log.error("session unreadable", file=str(file), cause=type(error).__name__)
                continue
            if session.metadata.uid == file.parent.name and session.metadata.creation_timestamp:
                found.append(session)
        return sorted(found, key=age)

    def save(self, session: ClaudeSession, *, durable: bool) -> None:
        """Write the session down; ``durable``: so that not even a power cut takes it back.

        Raises:
            OSError: if it cannot be written.
        """
        folder = self.folder(str(session.metadata.uid))
        folder.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        body = session.model_dump_json(by_alias=True, exclude_none=True, indent=2)
        _replace(folder.resource, body, durable=durable)

    def prepare(self, session_id: str, spec: SessionSpec) -> Folder:
        """Make ready what a runner needs, and clear what the last one left.

        Raises:
            OSError: if it cannot be written.
        """
        folder = self.folder(session_id)
        folder.workspace.mkdir(parents=True, exist_ok=True, mode=0o700)
        _replace(folder.spec, spec.model_dump_json(by_alias=True, exclude_none=True))
        folder.termination.unlink(missing_ok=True)
        if folder.log.exists():
            folder.log.replace(folder.log.with_name("runner.log.1"))
        return folder

    def termination(self, session_id: str, limit: int = 8192) -> str:
        """Return the start of the runner's termination message, empty if there is none."""
        try:
            with self.folder(session_id).termination.open("rb") as file:
                return file.read(limit).decode(errors="replace")
        except OSError:
            return ""

    def remove(self, session_id: str) -> None:
        """Delete all files of the session."""
        root = self.folder(session_id).root
        shutil.rmtree(root, ignore_errors=True)
        if root.exists():
            _log.error("session files left", folder=str(root))


def age(session: ClaudeSession) -> tuple[float, str]:
    """Return what orders sessions from the oldest to the youngest."""
    created = session.metadata.creation_timestamp
    return (created.timestamp() if created else 0.0, session.metadata.name)


def _replace(path: Path, body: str, *, durable: bool = False) -> None:
    partial = path.with_name(path.name + ".partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(body)
        file.flush()
        if durable:
            os.fsync(descriptor)
    partial.replace(path)
    if durable:
        _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
