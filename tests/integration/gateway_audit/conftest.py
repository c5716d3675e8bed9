from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from moorage_testing.accounts import accounts_settings
from moorage_testing.gateway import Gateway, running_gateway
from moorage_testing.redis import RedisServer


@pytest.fixture
async def gateway(
    redis_server: RedisServer, home: Path, database_url: str
) -> AsyncIterator[Gateway]:
    settings = accounts_settings(home, redis_server.url, database_url=database_url)
    async with running_gateway(settings) as running:
        yield running
