"""What can be done with a workspace's files."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

import structlog

from moorage_api.file_names import USUAL_FILES, FileKinds
from moorage_api.resources import ClaudeSession, Phase
from moorage_api.rpc import (
    MAX_FILE_BYTES,
    DeleteFile,
    Diff,
    DiffText,
    Failure,
    FileContent,
    ListFiles,
    Listing,
    ReadFile,
    Reply,
    Request,
    WriteFile,
    Written,
)
from moorage_gateway.audit.acts import Act, Action, Outcome
from moorage_gateway.audit.record import record
from moorage_gateway.auth.access import id_of
from moorage_gateway.context import Context
from moorage_gateway.errors import SessionNotReady, TooLarge, Unavailable
from moorage_gateway.files.client import Stamp
from moorage_gateway.files.failures import error_for
from moorage_gateway.files.paths import checked_file, checked_path
from moorage_gateway.files.schemas import ListQuery, WriteBody
from moorage_gateway.sessions.live import NOTHING, read_live

_RUNNING: Final = frozenset({Phase.STARTING, Phase.READY})

Answer = TypeVar("Answer", Listing, FileContent, Written, DiffText)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FileService:
    """The files of one session's workspace."""

    context: Context
    session: ClaudeSession

    async def list(self, query: ListQuery) -> Listing:
        """Return a page of a folder."""
        path = checked_path(query.path)
        return await self._ask(
            Listing,
            path,
            lambda stamp: ListFiles(
                number=stamp.number,
                deadline_ms=stamp.deadline_ms,
                path=path,
                recursive=query.recursive,
                pattern=query.pattern,
                after=query.after,
                limit=query.limit,
            ),
        )

    async def read(self, path: str) -> FileContent:
        """Return a file."""
        kinds = self._checked(path, write=False)
        return await self._ask(
            FileContent,
            path,
            lambda stamp: ReadFile(
                number=stamp.number, deadline_ms=stamp.deadline_ms, path=path, kinds=kinds
            ),
        )

    async def write(self, op: Literal["create", "update"], path: str, body: WriteBody) -> Written:
        """Make a file, or write one anew."""
        kinds = self._checked(path, write=True)
        if _size(body) > MAX_FILE_BYTES:
            raise TooLarge("the file", MAX_FILE_BYTES)
        await self._record(Action.FILE_CREATE if op == "create" else Action.FILE_UPDATE, path)
        return await self._ask(
            Written,
            path,
            lambda stamp: WriteFile(
                number=stamp.number,
                deadline_ms=stamp.deadline_ms,
                op=op,
                path=path,
                content=body.content,
                encoding=body.encoding,
                kinds=kinds,
            ),
        )

    async def delete(self, path: str) -> Written:
        """Delete a file."""
        kinds = self._checked(path, write=True)
        await self._record(Action.FILE_DELETE, path)
        return await self._ask(
            Written,
            path,
            lambda stamp: DeleteFile(
                number=stamp.number, deadline_ms=stamp.deadline_ms, path=path, kinds=kinds
            ),
        )

    async def diff(self) -> DiffText:
        """Return the working tree against the start."""
        return await self._ask(
            DiffText,
            ".",
            lambda stamp: Diff(number=stamp.number, deadline_ms=stamp.deadline_ms),
        )

    async def _record(self, action: Action, path: str) -> None:
        act = Act(action, path, Outcome.ASKED, id_of(self.session))
        async with self.context.engine.begin() as connection:
            await record(connection, self.context.clock(), act)

    def _checked(self, path: str, *, write: bool) -> FileKinds | None:
        """Refuse a path that may not be; return which files the runner is to allow, if unusual."""
        kinds = self.context.settings.files.kinds
        checked_file(path, kinds, write=write)
        return None if kinds == USUAL_FILES else kinds

    async def _ask(self, kind: type[Answer], path: str, make: Callable[[Stamp], Request]) -> Answer:
        session_id, phase = id_of(self.session), self.session.status.phase
        await self._require_runner(session_id, phase)
        reply: Reply = await self.context.files.ask(session_id, make)
        if isinstance(reply, Failure):
            raise error_for(reply, session_id, phase, path)
        if not isinstance(reply, kind):
            log.warning("a runner replied to another question", kind=reply.kind)
            raise Unavailable("the session's runner")
        return reply

    async def _require_runner(self, session_id: str, phase: Phase) -> None:
        """Refuse at once where nobody would answer."""
        if self.session.spec.suspend or phase not in _RUNNING:
            raise SessionNotReady(session_id, phase)
        live = await read_live(self.context.pipelined, [session_id])
        if live is None:
            raise Unavailable("redis")
        if not live.get(session_id, NOTHING).alive:
            raise SessionNotReady(session_id, phase)


def _size(body: WriteBody) -> int:
    """Return the size of the file that the body asks for."""
    if body.encoding == "utf-8":
        return len(body.content.encode())
    return len(body.content) * 3 // 4 - body.content[-2:].count("=")
