import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from moorage_testing.accounts import Clock, accounts_settings
from moorage_testing.gateway import Gateway, running_gateway
from moorage_testing.redis import RedisServer, running_redis


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="gateway-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def clock() -> Clock:
    return Clock()


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
