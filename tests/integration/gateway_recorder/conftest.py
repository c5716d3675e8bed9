"""A recorder on a real database and a real Redis."""

from collections.abc import AsyncIterator, Iterator

import pytest

from moorage_testing.history import History, a_history
from moorage_testing.redis import RedisServer, running_redis


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    with running_redis(persistent=True) as server:
        yield server


@pytest.fixture
async def history(database_url: str, redis_server: RedisServer) -> AsyncIterator[History]:
    async with a_history(database_url, redis_server.url) as history:
        yield history
