"""Reads the session's inbox: every input once in effect, settled only after it took effect.

An entry stays pending in the consumer group until it is settled, so the next runner finds what
this one did not finish. The first entry with an input's id counts; later ones are settled at
once. The group is made again where Redis lost it.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from moorage_api.backoff import Backoff
from moorage_api.inbox import FIELD, Input, InputRefused, decode_input, traceparent_in
from moorage_api.keys import INBOX_CONSUMER, INBOX_GROUP, SessionKeys
from moorage_api.redis_client import FAILURES
from moorage_runner.logs import get_logger

_BLOCK_MS = 2_000
_PAGE = 100
_REMEMBERED = 20_000
_HISTORY = 2_000
"""How many settled entries are looked at for their ids when a runner starts."""

_NEW = ">"


@dataclass(frozen=True, slots=True)
class Received:
    """An entry of the inbox; `value` is None if it holds no valid input, or one seen before."""

    entry_id: str
    value: Input | None
    raw: bytes | None = None
    duplicate: bool = False


class Inbox:
    """The reading side. `settle` is what the writing side (settlements) calls in the end."""

    def __init__(self, redis: Redis, keys: SessionKeys) -> None:
        self._redis = redis
        self._key = keys.inbox
        self._seen: OrderedDict[str, str] = OrderedDict()
        self._held: set[str] = set()
        self._cursor = "0"

    async def remember(self) -> None:
        """Make the group, and learn which inputs were settled before.

        Raises:
            RedisError, OSError: Redis is away.
        """
        await self._make_group()
        groups: Any = await self._redis.xinfo_groups(self._key)
        mine = next(group for group in groups if _text(group["name"]) == INBOX_GROUP)
        pending = await self._pending_ids()
        last = _text(mine["last-delivered-id"])
        left = _HISTORY
        while left > 0:
            page: Any = await self._redis.xrevrange(self._key, max=last, count=_PAGE)
            for entry_id, fields in page:
                if _text(entry_id) not in pending:
                    self._learn(_text(entry_id), fields)
            if len(page) < _PAGE:
                return
            left -= _PAGE
            last = f"({_text(page[-1][0])}"

    def reserve(self, input_id: str) -> None:
        """Let no entry with this id count: its input came another way."""
        self._seen[input_id] = "reserved"

    async def run(self, handle: Callable[[Received], None]) -> None:
        """Hand over inputs until cancelled: first what is pending, then what comes."""
        backoff = Backoff()
        while True:
            try:
                await self._read(handle)
                backoff.reset()
            except FAILURES as error:
                if isinstance(error, ResponseError) and str(error).startswith("NOGROUP"):
                    await self._try_make_group()
                else:
                    get_logger().warning("inbox waits", cause=type(error).__name__)
                # What Redis delivered while the connection broke is pending, and was never seen.
                self._cursor = "0"
                await asyncio.sleep(backoff.next())

    async def settle(self, entry_id: str) -> None:
        """Acknowledge an entry.

        Raises:
            RedisError, OSError: Redis is away.
        """
        await self._redis.xack(self._key, INBOX_GROUP, entry_id)
        self._held.discard(entry_id)

    async def is_pending(self, entry_id: str) -> bool:
        """Whether an entry still waits to be settled.

        Raises:
            RedisError, OSError: Redis is away.
        """
        found: Any = await self._redis.xpending_range(
            self._key, INBOX_GROUP, min=entry_id, max=entry_id, count=1
        )
        return bool(found)

    async def _read(self, handle: Callable[[Received], None]) -> None:
        new = self._cursor == _NEW
        response: Any = await self._redis.xreadgroup(
            INBOX_GROUP,
            INBOX_CONSUMER,
            {self._key: self._cursor},
            count=_PAGE,
            block=_BLOCK_MS if new else None,
        )
        entries = response[0][1] if response else []
        for entry_id, fields in entries:
            self._receive(_text(entry_id), fields, handle)
        if not new:
            self._cursor = _text(entries[-1][0]) if entries else _NEW

    def _receive(
        self, entry_id: str, fields: dict[bytes, bytes] | None, handle: Callable[[Received], None]
    ) -> None:
        if entry_id in self._held:
            return
        self._held.add(entry_id)
        raw = (fields or {}).get(FIELD)
        try:
            value = decode_input(raw)
        except InputRefused:
            handle(Received(entry_id, None, raw))
            return
        if self._seen.setdefault(value.input_id, entry_id) != entry_id:
            get_logger().info("input came twice", entry=entry_id)
            handle(Received(entry_id, None, raw, duplicate=True))
            return
        trace = traceparent_in(raw)
        if trace is not None:
            get_logger().info("input received", input=value.input_id, trace_id=trace.split("-")[1])
        self._forget_some()
        handle(Received(entry_id, value, raw))

    def _learn(self, entry_id: str, fields: dict[bytes, bytes]) -> None:
        """Remember a settled entry's input: no later entry with its id counts."""
        try:
            value = decode_input(fields.get(FIELD))
        except InputRefused:
            return
        self._seen[value.input_id] = f"settled {entry_id}"

    def _forget_some(self) -> None:
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)

    async def _pending_ids(self) -> set[str]:
        ids: set[str] = set()
        start = "-"
        while True:
            page: Any = await self._redis.xpending_range(
                self._key, INBOX_GROUP, min=start, max="+", count=_PAGE
            )
            ids.update(_text(entry["message_id"]) for entry in page)
            if len(page) < _PAGE:
                return ids
            start = f"({_text(page[-1]['message_id'])}"

    async def _try_make_group(self) -> None:
        try:
            await self._make_group()
        except FAILURES as error:
            get_logger().warning("inbox group waits", cause=type(error).__name__)

    async def _make_group(self) -> None:
        try:
            await self._redis.xgroup_create(self._key, INBOX_GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
