from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from moorage_testing.gateway import Gateway, running_gateway, settings_for
from moorage_testing.redis import RedisServer


@pytest.fixture
async def gateway(
    redis_server: RedisServer, home: Path, database_url: str
) -> AsyncIterator[Gateway]:
    settings = settings_for(home, redis_server.url, database_url=database_url)
    async with running_gateway(settings) as running:
        yield running
