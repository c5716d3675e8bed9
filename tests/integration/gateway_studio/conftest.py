from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from moorage_testing.accounts import Clock, accounts_settings
from moorage_testing.gateway import Gateway, running_gateway
from moorage_testing.redis import RedisServer


@pytest.fixture
async def gateway(
    redis_server: RedisServer, home: Path, database_url: str, clock: Clock
) -> AsyncIterator[Gateway]:
    settings = accounts_settings(
        home, redis_server.url, database_url=database_url, studio={"enabled": True},
        limits={"enabled": True},
    )  # fmt: skip
    async with running_gateway(settings, clock=clock) as running:
        yield running
