from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from moorage_api.redis_client import make_redis
from moorage_testing.redis import RedisServer, running_redis

from .driver import Driver


@pytest.fixture(scope="module")
def redis_server() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture
async def driver(redis_server: RedisServer, tmp_path: Path) -> AsyncIterator[Driver]:
    async with make_redis(redis_server.url) as client:
        yield Driver(tmp_path, client, redis_server.url)
