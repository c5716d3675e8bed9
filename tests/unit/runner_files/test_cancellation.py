import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from moorage_api.keys import SessionKeys
from moorage_runner.files import serve
from moorage_runner.workspace import Workspace
from moorage_testing.files import Files


class LosingRedis:
    """Loses a cancellation, as asyncio.wait_for does if the connection breaks with it."""

    connection_pool = SimpleNamespace(connection_kwargs={})

    def __init__(self) -> None:
        self.reading = asyncio.Event()

    async def xread(self, *_: Any, **__: Any) -> None:
        self.reading.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise RedisConnectionError("Connection closed by server.") from None


async def test_a_cancellation_that_redis_loses_is_obeyed(files: Files) -> None:
    redis = LosingRedis()
    workspace = Workspace(files.root.parent)
    task = asyncio.create_task(serve(cast("Redis", redis), SessionKeys("s"), workspace, None))
    await redis.reading.wait()
    task.cancel()
    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError):
            await task
