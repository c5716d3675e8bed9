"""An outbox in a real database file, and a real Redis."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from moorage_testing.history import History, a_history
from moorage_testing.redis import RedisServer, running_redis


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    with running_redis(persistent=True) as server:
        yield server


@pytest.fixture
async def outbox(tmp_path: Path, redis_server: RedisServer) -> AsyncIterator[History]:
    async with a_history(tmp_path, redis_server.url) as history:
        yield history
