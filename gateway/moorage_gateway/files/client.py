"""Asks a session's runner for a file operation: one request in its stream, one reply in a list."""

import asyncio
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import structlog
from pydantic import ValidationError
from redis.asyncio import Redis

from moorage_api.keys import SessionKeys
from moorage_api.redis_client import FAILURES
from moorage_api.rpc import FIELD, MAX_FILE_BYTES, REPLY, REQUEST, Reply, Request
from moorage_gateway.errors import Unavailable

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

    def __init__(self, redis: Redis, *, timeout_seconds: float, concurrency: int) -> None:
        """Take a client of its own: each operation holds a connection while it waits."""
        self._redis = redis
        self._timeout = timeout_seconds
        self._slots = asyncio.Semaphore(concurrency)

    async def ask(self, session_id: str, make: Callable[[Stamp], Request]) -> Reply:
        """Return the runner's reply to the request that ``make`` returns.

        Raises:
            Unavailable: if Redis or the runner does not answer in time, or answers nonsense.
        """
        try:
            async with asyncio.timeout(self._timeout), self._slots:
                raw = await self._exchange(SessionKeys(session_id), make)
        except TimeoutError:
            raise Unavailable(_RUNNER) from None
        except FAILURES as error:
            log.warning("file operation failed", reason=type(error).__name__)
            raise Unavailable("redis") from None
        return await _parse(raw)

    async def _exchange(self, keys: SessionKeys, make: Callable[[Stamp], Request]) -> bytes:
        number = uuid.uuid4().hex
        deadline = time.time() + self._timeout
        request = make(Stamp(number, int(deadline * 1000)))
        await self._redis.xadd(
            keys.rpc,
            {FIELD: REQUEST.dump_json(request, by_alias=True)},
            maxlen=_MAXLEN,
            approximate=True,
        )
        # Slightly longer than anybody waits: the timeout around it ends it.
        answer: Any = await self._redis.blpop([keys.reply(number)], timeout=self._timeout + 1)
        if answer is None:
            raise TimeoutError
        raw: bytes = answer[1]
        return raw


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
