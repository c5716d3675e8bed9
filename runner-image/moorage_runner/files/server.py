"""Answers file operations from the session's rpc stream until it is cancelled.

A request leaves the stream together with its reply, in one transaction. So the stream holds what
is still to be done: it never grows, a runner that starts again finds what the last one owed, and
reading begins at its start. If Redis lost its data, ids may begin anew below the last one read;
therefore reading goes back to the start whenever there is nothing to do.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from redis.asyncio import Redis

from moorage_api.backoff import Backoff
from moorage_api.keys import REPLY_TTL_SECONDS, SessionKeys
from moorage_api.redis_client import FAILURES
from moorage_api.rpc import FIELD, OPERATIONS_AT_ONCE, Reply
from moorage_runner.files.operations import Operations, Refused, operations, parse
from moorage_runner.workspace import Workspace

_START: Final = "0-0"
_BLOCK: Final = 5.0
"""Seconds that a read waits, if the client's own timeout is not shorter."""

_CLIENT_TIMEOUT: Final = 5.0
"""Seconds that redis-py waits for an answer if nothing else is said."""

_LEAST_SECONDS: Final = 0.05
_SETTLE_SECONDS: Final = 5.0
_PARSED_AT_ONCE: Final = 64 * 1024
"""Bytes up to which a request is parsed without a thread."""

_log = structlog.get_logger(__name__)


async def serve(
    redis: Redis, keys: SessionKeys, workspace: Workspace, start_commit: str | None
) -> None:
    """Answer requests for ever; Redis may be away or lose its data meanwhile.

    `redis` gives bytes, and needs a connection of its own for the reading (a pool has one).
    """
    with operations(workspace, start_commit) as doing:
        await _Server(redis, keys, doing).run()


class _Server:
    def __init__(self, redis: Redis, keys: SessionKeys, doing: Operations) -> None:
        self._redis = redis
        self._keys = keys
        self._doing = doing
        self._block = _block_for(redis)
        self._last = _START
        self._running: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Read and answer until cancelled; what runs then is cancelled too."""
        backoff = Backoff()
        async with asyncio.TaskGroup() as tasks:
            while True:
                if len(self._running) >= OPERATIONS_AT_ONCE:
                    await asyncio.wait(self._running.values(), return_when=asyncio.FIRST_COMPLETED)
                    continue
                try:
                    entries = await self._read()
                    backoff.reset()
                except FAILURES as error:
                    _log.warning("files_redis_away", error=type(error).__name__)
                    await asyncio.sleep(backoff.next())
                    continue
                for entry, raw in entries:
                    self._start(tasks, entry, raw)

    async def _read(self) -> list[tuple[str, bytes]]:
        """Return what is to be done and not under way yet."""
        answer = await self._redis.xread(
            {self._keys.rpc: self._last},
            count=OPERATIONS_AT_ONCE - len(self._running),
            block=int(self._block * 1000),
        )
        entries = _entries(answer)
        self._last = entries[-1][0] if entries else _START
        return [(entry, raw) for entry, raw in entries if entry not in self._running]

    def _start(self, tasks: asyncio.TaskGroup, entry: str, raw: bytes) -> None:
        task = tasks.create_task(self._handle_safely(entry, raw))
        self._running[entry] = task
        task.add_done_callback(lambda _: self._running.pop(entry, None))

    async def _handle_safely(self, entry: str, raw: bytes) -> None:
        """Handle a request; one that the code cannot cope with must not end the server."""
        try:
            await self._handle(entry, raw)
        except Exception:
            _log.exception("file_request_failed")
            await self._drop(entry)

    async def _handle(self, entry: str, raw: bytes) -> None:
        small = len(raw) <= _PARSED_AT_ONCE
        request = parse(raw) if small else await asyncio.to_thread(parse, raw)
        if isinstance(request, Refused):
            if request.number:
                await self._settle(entry, request.number, request.failure, _SETTLE_SECONDS)
            else:
                await self._drop(entry)
            return
        left = request.deadline_ms / 1000 - time.time()
        if left <= 0:
            await self._drop(entry)
            return
        reply = await self._doing.answer(request, left)
        left = request.deadline_ms / 1000 - time.time()
        await self._settle(entry, request.number, reply, max(left, _LEAST_SECONDS))

    async def _settle(self, entry: str, number: str, reply: Reply, seconds: float) -> None:
        """Send the reply and take the request out of the stream, both or neither."""
        data = await asyncio.to_thread(reply.model_dump_json, by_alias=True)
        key = self._keys.reply(number)

        async def send() -> None:
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.rpush(key, data)
                pipeline.expire(key, REPLY_TTL_SECONDS)
                pipeline.xdel(self._keys.rpc, entry)
                await pipeline.execute()

        await _keep_trying(send, seconds)

    async def _drop(self, entry: str) -> None:
        """Take a request out of the stream that nobody waits for."""

        async def remove() -> None:
            await self._redis.xdel(self._keys.rpc, entry)

        await _keep_trying(remove, _SETTLE_SECONDS)


async def _keep_trying(action: Callable[[], Awaitable[None]], seconds: float) -> None:
    """Try for `seconds`. What does not succeed stays in the stream until it is late."""
    backoff = Backoff()
    try:
        async with asyncio.timeout(seconds):
            while True:
                try:
                    await action()
                except FAILURES:
                    await asyncio.sleep(backoff.next())
                else:
                    return
    except TimeoutError:
        _log.warning("files_reply_lost")


def _block_for(redis: Redis) -> float:
    """Return how long a read may wait, in seconds: less than the client waits for any answer."""
    timeout = redis.connection_pool.connection_kwargs.get("socket_timeout", _CLIENT_TIMEOUT)
    return min(_BLOCK, timeout / 2) if timeout else _BLOCK


def _entries(answer: object) -> list[tuple[str, bytes]]:
    """Return id and request of each entry, in either form that redis-py gives (RESP2, RESP3)."""
    if not answer:
        return []
    groups = answer.values() if isinstance(answer, dict) else [pair[1] for pair in answer]  # type: ignore[attr-defined]
    found = []
    for group in groups:
        entries = group[0] if group and isinstance(group[0], list) else group
        for entry, fields in entries:
            raw = (fields or {}).get(FIELD, b"")
            found.append((entry.decode(), raw))
    return found
