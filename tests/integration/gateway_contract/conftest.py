"""One gateway behind a real socket for all tests here, and a client that redirects would break."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from moorage_api.rpc import Request
from moorage_gateway.app import BASE
from moorage_testing.answering import answering, well
from moorage_testing.gateway import REPOSITORY, settings_for, state_of_runner
from moorage_testing.redis import RedisServer, running_redis
from moorage_testing.serving import Serving, connected
from moorage_testing.wire import Answer, Wire


@dataclass(frozen=True)
class Client:
    """The mobile client: one connection, paths as it writes them."""

    served: Serving
    wire: Wire
    seen: list[Request]
    session_id: str

    async def ask(self, method: str, path: str, body: bytes | None = None) -> Answer:
        """Ask below the API's base."""
        answer = await self.wire.ask(method, f"{BASE}{path}", body)
        assert "location" not in answer.headers
        assert answer.headers["content-type"] == "application/json"
        return answer


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture
async def client(redis_server: RedisServer, home: Path) -> AsyncIterator[Client]:
    mine = {"users": ["ada"], "groups": ["team"]}
    listed = [{"folderName": "sample", "url": REPOSITORY, **mine}]
    settings = settings_for(home, redis_server.url, repositories={"listed": listed})
    async with connected(settings) as (served, wire):
        body = f'{{"projectPath": "{REPOSITORY}"}}'.encode()
        made: Any = (await wire.ask("POST", f"{BASE}/sessions/", body)).json
        await state_of_runner(served.redis, made["id"])
        async with answering(served.redis, made["id"], well) as seen:
            yield Client(served, wire, seen, made["id"])
