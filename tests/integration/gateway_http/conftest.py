from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from moorage_gateway import logs
from moorage_gateway.settings import LogSettings
from moorage_testing.gateway import Gateway, running_gateway, settings_for
from moorage_testing.logging_state import restored_logging
from moorage_testing.redis import RedisServer, running_redis


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture
async def gateway(redis_server: RedisServer, home: Path) -> AsyncIterator[Gateway]:
    settings = settings_for(home, redis_server.url, metrics={"port": 0})
    async with running_gateway(settings) as running:
        yield running


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    """Log as a process does, to a file."""
    with restored_logging():
        logs.configure(LogSettings(file=tmp_path / "gateway.log"))
        yield tmp_path / "gateway.log"
