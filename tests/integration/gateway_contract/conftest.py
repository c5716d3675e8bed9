"""One gateway behind a real socket for all tests here, and a client that redirects would break."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from moorage_api.rpc import (
    DeleteFile,
    Diff,
    DiffText,
    FileContent,
    FileEntry,
    ListFiles,
    Listing,
    ReadFile,
    Reply,
    Request,
    WriteFile,
    Written,
)
from moorage_gateway.app import BASE
from moorage_testing.answering import answering
from moorage_testing.gateway import REPOSITORY, settings_for, state_of_runner
from moorage_testing.redis import RedisServer, running_redis
from moorage_testing.serving import Serving, connected
from moorage_testing.wire import Answer, Wire

MOMENT = datetime(2026, 1, 31, 12, tzinfo=UTC)


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


def reply(request: Request) -> Reply:
    match request:
        case ListFiles():
            entry = FileEntry(path="src/a.py", name="a.py", type="file", size=3, modified_at=MOMENT)
            return Listing(files=[entry], base_path=request.path)
        case ReadFile():
            return FileContent(
                path=request.path, content="text", encoding="utf-8", size=4,
                mime_type="text/javascript", modified_at=MOMENT,
            )  # fmt: skip
        case WriteFile():
            return Written(path=request.path, size=len(request.content))
        case DeleteFile():
            return Written(path=request.path)
        case Diff():
            return DiffText(diff="+a", base="abc")


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="gateway-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
async def client(redis_server: RedisServer, home: Path) -> AsyncIterator[Client]:
    mine = {"users": ["ada"], "groups": ["team"]}
    listed = [{"folderName": "sample", "url": REPOSITORY, **mine}]
    settings = settings_for(home, redis_server.url, repositories={"listed": listed})
    async with connected(settings) as (served, wire):
        body = f'{{"projectPath": "{REPOSITORY}"}}'.encode()
        made: Any = (await wire.ask("POST", f"{BASE}/sessions/", body)).json
        await state_of_runner(served.redis, made["id"])
        async with answering(served.redis, made["id"], reply) as seen:
            yield Client(served, wire, seen, made["id"])
