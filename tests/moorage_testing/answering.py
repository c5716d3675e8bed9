"""A runner that only answers file operations, as a test tells it to."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis

from moorage_api.keys import SessionKeys
from moorage_api.rpc import FIELD, REPLY, REQUEST, Reply, Request

Answer = Callable[[Request], Reply | bytes]


@asynccontextmanager
async def answering(redis: Redis, session_id: str, answer: Answer) -> AsyncIterator[list[Request]]:
    """Answer the session's requests; yields those that came."""
    seen: list[Request] = []
    task = asyncio.create_task(_answer_all(redis, SessionKeys(session_id), answer, seen))
    try:
        yield seen
    finally:
        while not task.done():  # redis-py on Python 3.11 may lose a cancellation
            task.cancel()
            await asyncio.wait([task], timeout=0.1)


async def _answer_all(redis: Redis, keys: SessionKeys, answer: Answer, seen: list[Request]) -> None:
    last = "0-0"
    while True:
        streams: Any = await redis.xread({keys.rpc: last}, block=200)
        for _, entries in streams:
            for entry, fields in entries:
                last = entry
                request = REQUEST.validate_json(fields[FIELD])
                seen.append(request)
                reply = answer(request)
                raw = reply if isinstance(reply, bytes) else REPLY.dump_json(reply, by_alias=True)
                await redis.rpush(keys.reply(request.number), raw)
