"""Brings events to the session's stream: each once, in order, soon, whatever Redis does.

The first delta after a quiet time goes out at once, further ones at most every FLUSH_SECONDS,
anything else at once. While Redis is away events wait in the bounded outbox. What an event tells of
stands in the session's state before the event does, so that who hears of it can look it up.
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from moorage_api.backoff import Backoff
from moorage_api.base import now
from moorage_api.events import FIELD, Event, EventRefused, GapData, GapEvent, encode_entry
from moorage_api.keys import EVENTS_MAXLEN, SessionKeys
from moorage_api.redis_client import FAILURES
from moorage_runner.entry_ids import EntryIds
from moorage_runner.logs import get_logger
from moorage_runner.outbox import Outbox

FLUSH_SECONDS = 0.025
_BATCH_EVENTS = 256
_BATCH_BYTES = 2 * 1024 * 1024

Entry = tuple[str, bytes]


class Publisher:
    """Publishes a session's events. `publish` never waits; `run` does the work."""

    def __init__(
        self,
        redis: Redis,
        keys: SessionKeys,
        outbox: Outbox | None = None,
        listener: Callable[[Event], None] = lambda _: None,
        state_written: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._redis = redis
        self._key = keys.events
        self._outbox = Outbox() if outbox is None else outbox
        self._listener = listener
        self._state_written = state_written
        self._ids = EntryIds()
        self._last_written: str | None = None
        self._wake = asyncio.Event()
        self._hurry = asyncio.Event()
        self._waiting: list[asyncio.Future[None]] = []
        self._backoff = Backoff()
        self._next_flush = 0.0

    def start_above(self, entry_id: str | None) -> None:
        """Go on after the stream's last entry."""
        if entry_id:
            self._ids.stay_above(entry_id)
            self._last_written = entry_id

    def publish(self, *events: Event) -> None:
        """Take events; they are delivered in this order."""
        for event in events:
            self._outbox.add(event)
            self._listener(event)
        if self._outbox.urgent:
            self._hurry.set()
        self._wake.set()

    async def flushed(self) -> None:
        """Wait until all that was published so far is in Redis."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self._hurry.set()
        self._wake.set()
        await future

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            await self._wake.wait()
            await self._until_due()
            if self._state_written and self._outbox.urgent:
                await self._state_written()
            self._wake.clear()
            self._hurry.clear()
            waiting, self._waiting = self._waiting, []
            while events := self._outbox.take(_BATCH_EVENTS, _BATCH_BYTES):
                await self._deliver([(self._ids.next(), _encoded(event)) for event in events])
            self._next_flush = monotonic() + FLUSH_SECONDS
            for future in waiting:
                if not future.done():
                    future.set_result(None)

    async def _until_due(self) -> None:
        wait = self._next_flush - monotonic()
        if wait <= 0 or self._hurry.is_set():
            return
        try:
            async with asyncio.timeout(wait):
                await self._hurry.wait()
        except TimeoutError:
            return

    async def _deliver(self, entries: list[Entry]) -> None:
        """Write entries, however long it takes."""
        unsure = False
        while True:
            try:
                if unsure:
                    entries = await self._reconsidered(entries)
                if not entries or await self._written(entries):
                    break
            except FAILURES as error:
                get_logger().warning("events wait", cause=type(error).__name__)
                await asyncio.sleep(self._backoff.next())
            unsure = True
        self._backoff.reset()

    async def _written(self, entries: list[Entry]) -> bool:
        """Write entries, all or none; False if an id was refused or the stream has vanished.

        Once something was written Redis must not make the stream: where it is gone, that has to
        be told.
        """
        pipe = self._redis.pipeline(transaction=True)
        for entry_id, raw in entries:
            fields: dict[Any, Any] = {FIELD: raw}
            pipe.xadd(
                self._key,
                fields,
                id=entry_id,
                maxlen=EVENTS_MAXLEN,
                approximate=True,
                nomkstream=self._last_written is not None,
            )
        try:
            replies = await pipe.execute()
        except ResponseError as error:
            if "equal or smaller" in str(error):
                return False
            raise
        if replies[-1] is None:
            return False
        self._last_written = entries[-1][0]
        return True

    async def _reconsidered(self, entries: list[Entry]) -> list[Entry]:
        """After a try that did not surely succeed: what is still to be written, under which ids.

        Ids stay as they are, so that Redis refuses what it has, unless they no longer can: the
        stream is ahead of them (another writer), or a gap has to come first.
        """
        if await self._holds(entries[-1][0]):
            self._last_written = entries[-1][0]
            return []
        last: Any = await self._redis.xrevrange(self._key, count=1)
        stands = last[0][0].decode() if last else "0-0"
        raws = [raw for _, raw in entries]
        lost = self._last_written is not None and not await self._holds(self._last_written)
        if lost:
            get_logger().warning("redis lost events")
            self._last_written = None
            raws.insert(0, _encoded(_lost()))
        elif _order(stands) < _order(entries[0][0]):
            return entries
        self._ids.stay_above(stands)
        return [(self._ids.next(), raw) for raw in raws]

    async def _holds(self, entry_id: str) -> bool:
        return bool(await self._redis.xrange(self._key, entry_id, entry_id, count=1))


def _order(entry_id: str) -> tuple[int, int]:
    milliseconds, _, sequence = entry_id.partition("-")
    return int(milliseconds), int(sequence or 0)


def _encoded(event: Event) -> bytes:
    """Return an event's bytes; in place of one that is too large, a gap that says so."""
    try:
        return encode_entry(event)
    except (EventRefused, ValueError) as error:
        get_logger().error("event refused", type=event.type, cause=type(error).__name__)
        data = GapData(reason="invalid", message="An event could not be stored.", missed=1)
        return encode_entry(GapEvent(timestamp=event.timestamp, data=data))


def _lost() -> Event:
    message = "The event store lost events; history has what was finished."
    return GapEvent(timestamp=now(), data=GapData(reason="lost", message=message))
