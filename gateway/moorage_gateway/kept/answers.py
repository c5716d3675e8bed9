"""Answers about sessions, kept with what they were made of.

Before one is given again Redis is asked, in one round trip, for what runners say now and for the
versions of the rows; resources are compared with the backend's. If all is as it was
when the answer was made, so is the answer. Nothing rests on a message that may be lost.
"""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from fastapi import Depends
from starlette.requests import Request
from starlette.routing import BaseRoute

from moorage_api.redis_client import FAILURES
from moorage_api.resources import ClaudeSession
from moorage_gateway.backends.interface import SessionBackend, SessionMissing
from moorage_gateway.first import First
from moorage_gateway.kept.versions import ARCHIVED
from moorage_gateway.pipelined import Pipelined, pack
from moorage_gateway.sessions.live import LiveFacts, facts_of, questions

KEEP_SECONDS: Final = 10.0
"""How long an answer is wrong at most where a version was not renewed, because Redis was away."""

_MOST_BYTES: Final = 8 * 2**20
_LARGEST: Final = 2**18
_ARCHIVED: Final = pack("GET", ARCHIVED)

Key = tuple[str, bool, str, bytes]
"""Who asks: user and whether they are an admin; for what: path and query."""


@dataclass(slots=True)
class Basis:
    """What an answer was made of. Noted while it is made, before the rows are read."""

    sessions: dict[str, tuple[ClaudeSession, LiveFacts]] = field(default_factory=dict)
    listing: Callable[[], list[ClaudeSession]] | None = None
    """What tells the sessions that an answer chose among; None: it chose among none."""
    listed: list[ClaudeSession] = field(default_factory=list)
    """What that told."""
    archived: bytes | None = None
    """Which version of what is archived it chose by."""
    is_whole: bool = False
    """Whether that is all. Without Redis it is not."""


async def basis_of(request: Request) -> Basis:
    """Return where to note what the answer to this request is made of.

    A coroutine, though it waits for nothing: FastAPI gives plain functions to a thread.
    """
    basis: Basis | None = getattr(request.state, "basis", None)
    return basis or Basis()


BasisDep = Annotated[Basis, Depends(basis_of)]


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered, and by whom."""

    body: bytes
    tag: str
    route: BaseRoute
    session_id: str | None
    """The session in the path."""


@dataclass(frozen=True, slots=True)
class _Kept:
    answer: Answer
    basis: Basis
    until: float

    def size(self, key: Key) -> int:
        """How many bytes it takes, about."""
        known = len(self.basis.listed) + 50 * len(self.basis.sessions)
        return len(self.answer.body) + len(key[2]) + len(key[3]) + 500 + 8 * known


class KeptAnswers:
    """Answers of one process."""

    def __init__(
        self,
        backend: SessionBackend,
        pipelined: Pipelined,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._backend = backend
        self._pipelined = pipelined
        self._clock = clock
        self._kept: dict[Key, _Kept] = {}  # the oldest first
        self._bytes = 0
        self.making: First[Key] = First()
        """Of many that ask at one moment for what has changed, one makes it."""

    async def find(self, key: Key) -> Answer | None:
        """Return the answer, if it would be made the same again now."""
        look = self.look(key)
        return None if look is None else await self.seen(look)

    def look(self, key: Key) -> "Look | None":
        """Begin to look whether there is an answer that holds; None: there is none.

        Redis is asked, and `seen` has to be called, or the look be broken off.
        """
        kept = self._kept.get(key)
        if kept is None:
            return None
        basis = kept.basis
        if kept.until < self._clock() or not self._stand(basis):
            self._drop(key)
            return None
        more = () if basis.listing is None else (_ARCHIVED,)
        return Look(key, kept, self._pipelined.put(*more, *questions(list(basis.sessions))))

    async def seen(self, look: "Look") -> Answer | None:
        """Return the answer, if Redis says that it holds."""
        kept = look.kept
        try:
            replies = await look.replies
        except FAILURES:
            replies = None
        if replies is None or not _holds(kept.basis, replies):
            self._drop(look.key)
            return None
        return kept.answer

    async def made_meanwhile(self, key: Key) -> Answer | None:
        """Wait for who makes this answer right now, if somebody does; return it, if it holds."""
        return await self.find(key) if await self.making.wait(key) else None

    def keep(self, key: Key, answer: Answer, basis: Basis) -> None:
        """Keep an answer that was just made.

        Not all for as long as they may be: what was made at one moment is not made again at one.
        """
        kept = _Kept(answer, basis, self._clock() + KEEP_SECONDS * random.uniform(0.5, 1))  # noqa: S311
        size = kept.size(key)
        self._drop(key)
        if size > _LARGEST:
            return
        self._kept[key] = kept
        self._bytes += size
        while self._bytes > _MOST_BYTES:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: Key) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._bytes -= kept.size(key)

    def _stand(self, basis: Basis) -> bool:
        """Whether the resources are as they were."""
        if basis.listing is not None:
            return basis.listing() == basis.listed
        return all(self._is_there(session) for session, _ in basis.sessions.values())

    def _is_there(self, session: ClaudeSession) -> bool:
        try:
            return self._backend.get(session.metadata.uid or "") is session
        except SessionMissing:
            return False


@dataclass(frozen=True, slots=True)
class Look:
    """At an answer that may hold."""

    key: Key
    kept: _Kept
    replies: asyncio.Future[list[Any]]

    @property
    def route(self) -> BaseRoute:
        """The route that answered."""
        return self.kept.answer.route

    def break_off(self) -> None:
        """Give it up."""
        self.replies.cancel()


def _holds(basis: Basis, replies: list[Any]) -> bool:
    """Whether what Redis says is what the answer was made of."""
    if basis.listing is not None:
        archived, *replies = replies
        if bytes(archived or b"") != basis.archived:
            return False
    facts = facts_of(list(basis.sessions), replies)
    return all(facts[session_id] == known for session_id, (_, known) in basis.sessions.items())


async def archived_version(pipelined: Pipelined) -> bytes | None:
    """Return the version of what is archived; None where Redis is away."""
    try:
        (version,) = await pipelined.ask(_ARCHIVED)
    except FAILURES:
        return None
    return bytes(version or b"")
