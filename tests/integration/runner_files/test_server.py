import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from moorage_api.keys import REPLY_TTL_SECONDS, SessionKeys
from moorage_api.rpc import FIELD, REPLY, Failure, Listing, Reply
from moorage_runner.files import serve
from moorage_runner.workspace import Workspace
from moorage_testing.git import GitRepository
from moorage_testing.redis import RedisServer, running_redis

KEYS = SessionKeys("s")
PATIENCE = 15.0


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    with running_redis(persistent=True) as server:
        yield server


@pytest.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Redis]:
    client = Redis.from_url(redis_server.url)
    yield client
    await client.aclose()


class Gateway:
    """Asks as the gateway does."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis

    async def send(self, op: str, *, wait: float = PATIENCE, **fields: Any) -> str:
        """Put a request into the stream and give its number."""
        number = str(uuid4())
        deadline = int((time.time() + wait) * 1000)
        body = {"op": op, "number": number, "deadlineMs": deadline, **fields}
        await self.redis.xadd(KEYS.rpc, {FIELD: json.dumps(body)})
        return number

    async def receive(self, number: str) -> Reply:
        """Wait for the reply."""
        async with asyncio.timeout(PATIENCE):
            while True:
                found = await self.redis.blpop([KEYS.reply(number)], timeout=2)
                if found:
                    return REPLY.validate_json(found[1])

    async def ask(self, op: str, **fields: Any) -> Reply:
        return await self.receive(await self.send(op, **fields))

    async def until_empty(self) -> None:
        """Wait until all requests are settled."""
        async with asyncio.timeout(PATIENCE):
            while await self.redis.xlen(KEYS.rpc):  # noqa: ASYNC110 - Redis tells nobody
                await asyncio.sleep(0.01)


@pytest.fixture
def gateway(redis: Redis) -> Gateway:
    return Gateway(redis)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    GitRepository.create(tmp_path / "repo", {"a.txt": "one\n"})
    return Workspace(tmp_path)


class Runner:
    """The server, to be started and ended."""

    def __init__(self, server: RedisServer, workspace: Workspace) -> None:
        self._url = server.url
        self._workspace = workspace
        self.task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        async with Redis.from_url(self._url, socket_timeout=1) as client:
            head = GitRepository(self._workspace.repo).head
            await serve(client, KEYS, self._workspace, head)

    async def end(self) -> None:
        if self.task:
            self.task.cancel()
            with suppress(asyncio.CancelledError):
                await self.task


@pytest.fixture
async def stopped(redis_server: RedisServer, workspace: Workspace) -> AsyncIterator[Runner]:
    runner = Runner(redis_server, workspace)
    yield runner
    await runner.end()


@pytest.fixture
async def runner(stopped: Runner) -> Runner:
    stopped.start()
    return stopped


async def test_each_operation_is_answered(runner: Runner, gateway: Gateway) -> None:
    assert (await gateway.ask("create", path="b/c.txt", content="two\n")).kind == "written"
    listing = await gateway.ask("list", recursive=True, pattern="*.txt")
    assert isinstance(listing, Listing)
    assert [entry.path for entry in listing.files] == ["a.txt", "b/c.txt"]
    content = await gateway.ask("read", path="b/c.txt")
    assert content.kind == "content"
    assert content.content == "two\n"
    assert (await gateway.ask("update", path="b/c.txt", content="three\n")).kind == "written"
    diff = await gateway.ask("diff")
    assert diff.kind == "diff"
    assert "+three" in diff.diff
    assert (await gateway.ask("delete", path="b/c.txt")).kind == "written"
    missing = await gateway.ask("read", path="b/c.txt")
    assert isinstance(missing, Failure)
    assert missing.code == "NOT_FOUND"


async def test_a_reply_expires_and_the_request_is_gone(
    runner: Runner, gateway: Gateway, redis: Redis
) -> None:
    number = await gateway.send("list")
    await gateway.until_empty()
    assert 0 < await redis.ttl(KEYS.reply(number)) <= REPLY_TTL_SECONDS
    assert await redis.llen(KEYS.reply(number)) == 1


async def test_what_is_late_is_dropped_undone(
    runner: Runner, gateway: Gateway, redis: Redis, workspace: Workspace
) -> None:
    number = await gateway.send("create", wait=-1, path="late.txt", content="")
    await gateway.until_empty()
    assert await redis.exists(KEYS.reply(number)) == 0
    assert not (workspace.repo / "late.txt").exists()


@pytest.mark.parametrize(
    "body",
    [
        {"op": "fly"},
        {"op": "read"},
        {"op": "read", "path": ""},
        {"op": "read", "path": "x" * 1001},
        {"op": "list", "limit": 0},
        {"op": "create", "path": "x", "content": 5},
    ],
)
async def test_an_invalid_request_is_told_so(
    runner: Runner, gateway: Gateway, body: dict[str, Any]
) -> None:
    reply = await gateway.ask(**body)
    assert isinstance(reply, Failure)
    assert reply.code == "INVALID"


@pytest.mark.parametrize(
    "fields",
    [
        {FIELD: b"no json"},
        {FIELD: b"[" * 100_000},
        {FIELD: b'{"number": "../x"}'},
        {FIELD: b"\xff"},
        {b"other": b"x"},
    ],
)
async def test_nonsense_does_no_harm(
    runner: Runner, gateway: Gateway, redis: Redis, fields: dict[Any, Any]
) -> None:
    await redis.xadd(KEYS.rpc, fields)
    assert (await gateway.ask("list")).kind == "listing"
    await gateway.until_empty()
    assert [key for key in await redis.keys() if key != KEYS.rpc.encode()] == []


async def test_many_at_once_are_all_answered(runner: Runner, gateway: Gateway) -> None:
    numbers = [
        await gateway.send("create", path=f"f{number}.txt", content="x") for number in range(60)
    ]
    replies = await asyncio.gather(*(gateway.receive(number) for number in numbers))
    assert {reply.kind for reply in replies} == {"written"}


async def test_what_was_asked_before_the_start_is_answered_once(
    stopped: Runner, gateway: Gateway
) -> None:
    number = await gateway.send("create", path="early.txt", content="")
    stopped.start()
    assert (await gateway.receive(number)).kind == "written"
    await stopped.end()
    stopped.start()
    assert (await gateway.ask("list")).kind == "listing"
    assert await gateway.redis.exists(KEYS.reply(number)) == 0


async def test_the_largest_file_passes(runner: Runner, gateway: Gateway) -> None:
    content = "\u00e4" * (5 * 1024 * 1024)
    assert (await gateway.ask("create", path="big.txt", content=content)).kind == "written"
    reply = await gateway.ask("read", path="big.txt")
    assert reply.kind == "content"
    assert reply.content == content


async def test_redis_may_be_killed_and_come_back(
    runner: Runner, gateway: Gateway, redis_server: RedisServer, redis: Redis
) -> None:
    assert (await gateway.ask("list")).kind == "listing"
    redis_server.kill()
    redis_server.start()
    await redis.connection_pool.disconnect()
    assert (await gateway.ask("list")).kind == "listing"


async def test_redis_may_lose_its_data_and_count_anew(
    runner: Runner, gateway: Gateway, redis: Redis
) -> None:
    far = "9999999999999-0"
    await redis.xadd(KEYS.rpc, {FIELD: b"x"}, id=far)
    await gateway.until_empty()
    await redis.flushall()
    # The new stream's ids lie below the last one that was read.
    assert (await gateway.ask("list")).kind == "listing"


async def test_the_key_may_be_of_another_type_for_a_while(
    runner: Runner, gateway: Gateway, redis: Redis
) -> None:
    await redis.delete(KEYS.rpc)
    await redis.set(KEYS.rpc, "x")
    await redis.delete(KEYS.rpc)
    assert (await gateway.ask("list")).kind == "listing"


async def test_it_ends_when_it_is_cancelled(runner: Runner, gateway: Gateway) -> None:
    assert (await gateway.ask("list")).kind == "listing"
    await runner.end()
    assert runner.task
    assert runner.task.cancelled()
