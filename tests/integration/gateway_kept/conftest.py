"""Two replicas of a gateway: what one changes, the other must not answer from before."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from moorage_testing.backend import MemoryBackend
from moorage_testing.gateway import Gateway, running_gateway, settings_for
from moorage_testing.redis import RedisServer


@dataclass(frozen=True)
class Replicas:
    """Two gateways on one database, one Redis and the same sessions."""

    one: Gateway
    other: Gateway


@pytest.fixture
async def replicas(
    redis_server: RedisServer, home: Path, database_url: str
) -> AsyncIterator[Replicas]:
    backend = MemoryBackend()
    settings = settings_for(home, redis_server.url, database_url=database_url)
    async with (
        running_gateway(settings, backend) as one,
        running_gateway(settings, backend) as other,
    ):
        yield Replicas(one, other)
