"""Brings the inputs that runners gave up from Redis into the database.

What a runner writes is a claim: its input's id, type and reason are checked and cut, its content is
not taken at all (a retry uses what was sent), and no session fills the list.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from moorage_api.inbox import FIELD, InputRefused, decode_input
from moorage_api.keys import SessionKeys
from moorage_api.resources import ClaudeSession
from moorage_gateway.auth.access import id_of
from moorage_gateway.backends.interface import SessionBackend
from moorage_gateway.dead_letters.repository import Failure, LetterRepository
from moorage_gateway.sessions.creation import row_for
from moorage_gateway.sessions.repository import SessionRepository

UNKNOWN: Final = "unknown"
"""The type of an input that cannot be read."""
MOST_OF_A_SESSION: Final = 200
_SESSIONS_AT_ONCE: Final = 100
_ENTRIES_AT_ONCE: Final = 20
_REASON: Final = re.compile(rb"[A-Za-z_]{1,100}")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Collector:
    """A duty: what was recorded is taken from Redis, so it is done again wherever it was cut."""

    redis: Redis
    engine: AsyncEngine
    backend: SessionBackend
    clock: Callable[[], datetime]

    async def collect(self) -> int:
        """Collect what there is; returns how many inputs."""
        sessions = [one for one in self.backend.list() if one.metadata.uid is not None]
        parts = [
            sessions[at : at + _SESSIONS_AT_ONCE]
            for at in range(0, len(sessions), _SESSIONS_AT_ONCE)
        ]
        return sum([await self._collect(part) for part in parts])

    async def _collect(self, sessions: Sequence[ClaudeSession]) -> int:
        pipe = self.redis.pipeline(transaction=False)
        for session in sessions:
            pipe.xrange(SessionKeys(id_of(session)).dead, count=_ENTRIES_AT_ONCE)
        pages: list[Any] = await pipe.execute()
        found = [(one, page) for one, page in zip(sessions, pages, strict=True) if page]
        for session, page in found:
            async with self.engine.begin() as connection:
                await self._record(connection, session, page)
            # Recorded twice if this fails, which changes a number and nothing else.
            await self.redis.xdel(SessionKeys(id_of(session)).dead, *(entry for entry, _ in page))
        return sum(len(page) for _, page in found)

    async def _record(
        self, connection: AsyncConnection, session: ClaudeSession, page: Sequence[Any]
    ) -> None:
        session_id, moment = id_of(session), self.clock()
        await SessionRepository(connection).add(row_for(session, moment))
        letters = LetterRepository(connection)
        room = max(MOST_OF_A_SESSION - await letters.count_of(session_id), 0)
        kept = page[:room]
        for entry_id, fields in kept:
            await letters.put(_failure(session_id, entry_id.decode(), fields), moment)
        log.warning("a runner gave inputs up", session=session_id, inputs=len(page), kept=len(kept))


def _failure(session_id: str, entry_id: str, fields: dict[bytes, bytes]) -> Failure:
    reason = fields.get(b"reason", b"")
    told = reason.decode() if _REASON.fullmatch(reason) else UNKNOWN
    try:
        value = decode_input(fields.get(FIELD))
    except InputRefused:
        return Failure("input", UNKNOWN, told, session_id=session_id, input_id=entry_id)
    return Failure("input", value.type, told, session_id=session_id, input_id=value.input_id)
