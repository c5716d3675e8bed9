"""Settles inputs: acknowledges what took effect, and buries what was given up.

One at a time and in order, after the events that tell of it are in Redis: then a runner that is
killed at any point finds either the event (and only settles) or the input still pending.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from moorage_api.backoff import Backoff
from moorage_api.keys import INBOX_GROUP, SessionKeys
from moorage_api.redis_client import FAILURES
from moorage_runner.inbox import Inbox
from moorage_runner.logs import get_logger

_DEAD_MAXLEN = 1_000


@dataclass(frozen=True, slots=True)
class _Settlement:
    entry_id: str | None
    """The inbox entry; None for the spec's prompt, which never was in the inbox."""
    raw: bytes = b""
    reason: str | None = None
    """Why the input was given up; None: it took effect."""


class Settlements:
    """A queue of inputs to settle."""

    def __init__(
        self,
        redis: Redis,
        keys: SessionKeys,
        inbox: Inbox,
        events_written: Callable[[], Awaitable[None]],
    ) -> None:
        self._redis = redis
        self._keys = keys
        self._inbox = inbox
        self._events_written = events_written
        self._queue: asyncio.Queue[_Settlement] = asyncio.Queue()

    def settle(self, entry_id: str | None) -> None:
        """Acknowledge an input that took effect."""
        if entry_id is not None:
            self._queue.put_nowait(_Settlement(entry_id))

    def bury(self, entry_id: str | None, raw: bytes, reason: str) -> None:
        """Put an input among the dead, and acknowledge it."""
        self._queue.put_nowait(_Settlement(entry_id, raw, reason))

    async def finished(self) -> None:
        """Wait until all is settled."""
        await self._queue.join()

    async def run(self) -> None:
        """Settle until cancelled."""
        backoff = Backoff()
        while True:
            settlement = await self._queue.get()
            await self._events_written()
            repeated = False
            while not await self._is_done(settlement, repeated=repeated):
                repeated = True
                await asyncio.sleep(backoff.next())
            backoff.reset()
            self._queue.task_done()

    async def _is_done(self, settlement: _Settlement, *, repeated: bool) -> bool:
        try:
            await self._do(settlement, repeated=repeated)
        except FAILURES as error:
            get_logger().warning("settlement waits", cause=type(error).__name__)
            return False
        return True

    async def _do(self, settlement: _Settlement, *, repeated: bool) -> None:
        entry_id = settlement.entry_id
        if settlement.reason is not None:
            unsure = repeated and entry_id is not None
            if not unsure or await self._inbox.is_pending(str(entry_id)):
                await self._bury(settlement)
        if entry_id is not None:
            await self._inbox.settle(entry_id)

    async def _bury(self, settlement: _Settlement) -> None:
        """Write and acknowledge in one step: a repeated try sees by the one what of the other."""
        fields: dict[Any, Any] = {b"input": settlement.raw, b"reason": settlement.reason}
        pipe = self._redis.pipeline(transaction=True)
        pipe.xadd(self._keys.dead, fields, maxlen=_DEAD_MAXLEN, approximate=True)
        if settlement.entry_id is not None:
            pipe.xack(self._keys.inbox, INBOX_GROUP, settlement.entry_id)
        await pipe.execute()
