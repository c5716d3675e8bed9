from collections.abc import AsyncIterator, Iterator

import pytest
from redis.asyncio import Redis

from moorage_api.redis_client import make_redis
from moorage_testing.proxying import StandIn, plain, standing_in
from moorage_testing.redis import RedisServer, running_redis


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    with running_redis() as running:
        yield running


@pytest.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Redis]:
    client = make_redis(redis_server.url)
    yield client
    await client.flushall()
    await client.aclose()


@pytest.fixture
async def upstream() -> AsyncIterator[StandIn]:
    async with standing_in(plain) as stand_in:
        yield stand_in
