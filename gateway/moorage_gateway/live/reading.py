"""The one task that reads all streams, and goes on after whatever happens to Redis."""

import asyncio
import time
import uuid
from collections.abc import Mapping
from typing import Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from moorage_api.backoff import Backoff
from moorage_api.events import FIELD
from moorage_api.redis_client import FAILURES
from moorage_gateway.live.cursor import Cursor
from moorage_gateway.live.ids import NONE, EventId
from moorage_gateway.live.items import decode_item, gap_item
from moorage_gateway.live.link import BlockingLink, Reply
from moorage_gateway.live.stream import StreamReader
from moorage_gateway.metrics.instruments import LiveMetrics

_WAKE_SECONDS: Final = 3600
_CHECKED_AT_ONCE: Final = 200
_DECODED_AT_ONCE: Final = 256
_BUSY_SECONDS: Final = 0.002
_LONGEST_PAUSE: Final = 0.003
_STREAM_SECONDS: Final = 5e-6
"""About what one more stream in a read costs here and in Redis."""

log = structlog.get_logger(__name__)


class Reading:
    """Reads what follows each cursor's position, and advances the cursors."""

    def __init__(
        self,
        redis: Redis,
        reader: StreamReader,
        cursors: Mapping[str, Cursor],
        metrics: LiveMetrics,
    ) -> None:
        self.connected = False
        self._metrics = metrics
        self._redis = redis
        self._reader = reader
        self._cursors = cursors
        self._link = BlockingLink(redis)
        self._wake_key = f"moorage:hub:{uuid.uuid4().hex}"
        self._wake_at = NONE
        self._wake = asyncio.Event()
        self._waiting = False
        self._in_doubt = False
        self._unreadable: set[str] = set()
        self._read: tuple[Cursor, ...] = ()
        self._keys: tuple[bytes, ...] = ()
        self._stale = True

    def changed(self) -> None:
        """Read another set of streams from now on."""
        self._stale = True
        if self._waiting:
            self._wake.set()

    def forget(self) -> None:
        """Read fewer streams from the next read on; the present one may wait for them in vain."""
        self._stale = True

    async def run(self) -> None:
        """Read until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep_reading())
                group.create_task(self._keep_waking())
        finally:
            self.connected = False
            await self._link.close()

    async def check(self) -> None:
        """Look whether Redis lost its data without a lost connection; look at bad keys again."""
        if self._unreadable:
            self._unreadable.clear()
            self.changed()
        try:
            if not await self._redis.expire(self._wake_key, _WAKE_SECONDS):
                log.warning("redis lost its data")
                self._in_doubt = True
                await self._call()
        except FAILURES:
            return  # the reader notices by itself

    async def _keep_reading(self) -> None:
        backoff = Backoff()
        while True:
            try:
                await self._connect()
                backoff.reset()
                while True:
                    await self._once()
            except FAILURES as error:
                self.connected = False
                log.warning("events wait for redis", cause=type(error).__name__)
                await asyncio.sleep(backoff.next())

    async def _connect(self) -> None:
        await self._link.connect()
        self._wake_at = await self._call()
        self._in_doubt = True
        self.connected = True

    async def _once(self) -> None:
        if self._in_doubt:
            await self._verify()
        if self._stale:
            self._choose()
        try:
            reply = await self._next()
        except ResponseError as error:
            if "WRONGTYPE" not in str(error):
                raise
            await self._set_aside()
        else:
            started = time.perf_counter()
            await self._advance(reply)
            await self._collect(time.perf_counter() - started)

    async def _next(self) -> Reply:
        self._waiting = True
        try:
            positions = [cursor.last or NONE for cursor in self._read]
            return await self._link.read(self._keys, [self._wake_at, *positions])
        finally:
            self._waiting = False

    async def _collect(self, spent: float) -> None:
        """Let more events come together where a read costs much, so that fewer reads do.

        With few clients and streams nothing is waited for. With a thousand clients of a session
        the telling takes 20 ms, and what happens meanwhile had better be told in one go.
        """
        busy = spent + _STREAM_SECONDS * len(self._read)
        if busy > _BUSY_SECONDS:
            await asyncio.sleep(min(busy / 4, _LONGEST_PAUSE))

    def _choose(self) -> None:
        self._stale = False
        self._read = tuple(
            cursor
            for cursor in self._cursors.values()
            if cursor.last is not None and cursor.session_id not in self._unreadable
        )
        self._keys = (self._wake_key.encode(), *(cursor.key for cursor in self._read))

    async def _advance(self, reply: Reply) -> None:
        by_key = dict(reply)
        woken = by_key.pop(self._wake_key.encode(), None)
        if woken:
            self._wake_at = EventId.of(woken[-1][0])
        decoded = 0
        for cursor in self._read if by_key else ():
            entries = by_key.get(cursor.key)
            if entries:
                items = [
                    decode_item(cursor.session_id, at, _value(fields)) for at, fields in entries
                ]
                cursor.advance(items)
                if cursor.clients:
                    lag = time.time() - items[0].id.milliseconds / 1000
                    self._metrics.sent(len(items), lag)
                decoded += len(entries)
                if decoded >= _DECODED_AT_ONCE:
                    decoded = 0
                    await asyncio.sleep(0)

    async def _verify(self) -> None:
        """Check each position against what Redis holds now."""
        self._in_doubt = False
        cursors = [cursor for cursor in self._cursors.values() if cursor.last is not None]
        for start in range(0, len(cursors), _CHECKED_AT_ONCE):
            part = cursors[start : start + _CHECKED_AT_ONCE]
            positions = [(cursor.session_id, cursor.last or NONE) for cursor in part]
            try:
                found = await self._reader.resume_all(positions)
            except FAILURES:
                self._in_doubt = True
                raise
            for cursor, resumption in zip(part, found, strict=True):
                if resumption.gap is not None or resumption.position != cursor.last:
                    cursor.restart(resumption.position, resumption.gap)

    async def _set_aside(self) -> None:
        """Find the keys that are no streams: they would stop the reading of all others."""
        pipe = self._redis.pipeline(transaction=False)
        for cursor in self._read:
            pipe.type(cursor.key)
        for cursor, kind in zip(self._read, await pipe.execute(), strict=True):
            if kind not in {b"stream", b"none"}:
                log.error("a session's events are no stream", session=cursor.session_id)
                self._unreadable.add(cursor.session_id)
                at = cursor.last or NONE
                message = "This session's events cannot be read."
                cursor.restart(at, gap_item(cursor.session_id, at, "invalid", message))
        self._stale = True

    async def _keep_waking(self) -> None:
        backoff = Backoff()
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._call()
                backoff.reset()
            except FAILURES:
                await asyncio.sleep(backoff.next())
                if self._stale and self._waiting:
                    self._wake.set()

    async def _call(self) -> EventId:
        """Wake the reader, and have the canary live; return the wake's id."""
        pipe = self._redis.pipeline(transaction=True)
        pipe.xadd(self._wake_key, {b"wake": b""}, maxlen=1, approximate=False)
        pipe.expire(self._wake_key, _WAKE_SECONDS)
        replies = await pipe.execute()
        return EventId.of(replies[0])


def _value(fields: list[bytes]) -> bytes | None:
    """Return the one field that counts among name, value, name, value..."""
    for number in range(0, len(fields) - 1, 2):
        if fields[number] == FIELD:
            return fields[number + 1]
    return None
