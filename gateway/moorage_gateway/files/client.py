"""Asks a session's runner for a file operation: one request in its stream, one reply in a list.

No session has more places than its runner does at once, so that one that does not answer leaves
the others theirs.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakValueDictionary

import structlog
from pydantic import ValidationError
from redis.asyncio import Redis

from moorage_api.keys import SessionKeys
from moorage_api.redis_client import FAILURES
from moorage_api.rpc import (
    FIELD,
    MAX_FILE_BYTES,
    OPERATIONS_AT_ONCE,
    REPLY,
    REQUEST,
    Reply,
    Request,
)
from moorage_gateway.errors import FilesBusy, Unavailable
from moorage_gateway.settings import FileSettings

_MAXLEN: Final = 1000
_MAX_REPLY_BYTES: Final = 4 * MAX_FILE_BYTES
_PARSED_AT_ONCE: Final = 64 * 1024
_RUNNER: Final = "the session's runner"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Stamp:
    """What every request carries: its number, and until when somebody waits for the reply."""

    number: str
    deadline_ms: int


class RunnerFiles:
    """File operations by runners; so many at once, each for a bounded time."""

    def __init__(self, redis: Redis, settings: FileSettings) -> None:
        """Take a client of its own: each operation holds a connection while it waits."""
        self._redis = redis
        self._settings = settings
        self._places = asyncio.Semaphore(settings.concurrency)
        # Those that somebody holds or waits for.
        self._of_sessions = WeakValueDictionary[str, asyncio.Semaphore]()

    async def ask(self, session_id: str, make: Callable[[Stamp], Request]) -> Reply:
        """Return the runner's reply to the request that ``make`` returns.

        Raises:
            FilesBusy: if there was no place for it in time.
            Unavailable: if Redis or the runner does not answer in time, or answers nonsense.
        """
        async with self._place_of(session_id):
            try:
                async with asyncio.timeout(self._settings.timeout_seconds):
                    raw = await self._exchange(SessionKeys(session_id), make)
            except TimeoutError:
                raise Unavailable(_RUNNER) from None
            except FAILURES as error:
                log.warning("file operation failed", reason=type(error).__name__)
                raise Unavailable("redis") from None
        return await _parse(raw)

    @asynccontextmanager
    async def _place_of(self, session_id: str) -> AsyncIterator[None]:
        """Hold a place of the session's, then one of all."""
        own = self._of_sessions.setdefault(session_id, asyncio.Semaphore(OPERATIONS_AT_ONCE))
        loop = asyncio.get_running_loop()
        until = loop.time() + self._settings.wait_seconds
        async with (
            _held(own, until, FilesBusy("the session", OPERATIONS_AT_ONCE)),
            _held(self._places, until, FilesBusy("this gateway", self._settings.concurrency)),
        ):
            yield

    async def _exchange(self, keys: SessionKeys, make: Callable[[Stamp], Request]) -> bytes:
        number = uuid.uuid4().hex
        timeout = self._settings.timeout_seconds
        deadline = time.time() + timeout
        request = make(Stamp(number, int(deadline * 1000)))
        await self._redis.xadd(
            keys.rpc,
            {FIELD: REQUEST.dump_json(request, by_alias=True)},
            maxlen=_MAXLEN,
            approximate=True,
        )
        # Slightly longer than anybody waits: the timeout around it ends it.
        answer: Any = await self._redis.blpop([keys.reply(number)], timeout=timeout + 1)
        if answer is None:
            raise TimeoutError
        raw: bytes = answer[1]
        return raw


@asynccontextmanager
async def _held(places: asyncio.Semaphore, until: float, busy: FilesBusy) -> AsyncIterator[None]:
    """Hold one of the places, or raise ``busy`` if none is free until then."""
    try:
        async with asyncio.timeout_at(until):
            await places.acquire()
    except TimeoutError:
        raise busy from None
    try:
        yield
    finally:
        places.release()


async def _parse(raw: bytes) -> Reply:
    """Return the reply. What a runner wrote is untrusted."""
    try:
        if len(raw) > _MAX_REPLY_BYTES:
            log.warning("a runner's reply is too large", bytes=len(raw))
            raise Unavailable(_RUNNER)
        if len(raw) <= _PARSED_AT_ONCE:
            return REPLY.validate_json(raw)
        return await asyncio.to_thread(REPLY.validate_json, raw)
    except ValidationError as error:
        log.warning("a runner's reply is not valid", mistakes=error.error_count())
        raise Unavailable(_RUNNER) from None
