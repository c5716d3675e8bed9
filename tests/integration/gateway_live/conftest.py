"""A gateway's live part on a real Redis and a real server."""

from collections.abc import AsyncIterator, Iterator

import pytest

from moorage_testing.live import LiveGateway, live_gateway
from moorage_testing.redis import RedisServer, running_redis


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    with running_redis(persistent=True) as server:
        yield server


@pytest.fixture
async def gateway(redis_server: RedisServer) -> AsyncIterator[LiveGateway]:
    async with live_gateway(redis_server.url) as gateway:
        yield gateway
