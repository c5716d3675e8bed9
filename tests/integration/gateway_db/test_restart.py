"""The database stops, crashes and comes back: requests recover, nothing acknowledged is lost."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from moorage_gateway.db.migrate import migrate
from moorage_gateway.db.tables import messages
from moorage_gateway.settings import DatabaseSettings
from moorage_testing.gateway import Gateway, running_gateway, settings_for
from moorage_testing.history import History, a_history, said
from moorage_testing.live import LIMIT, publish, until
from moorage_testing.postgres import PostgresServer, running_postgres
from moorage_testing.redis import RedisServer, running_redis

OK, CREATED, AWAY = httpx2.codes.OK, httpx2.codes.CREATED, httpx2.codes.SERVICE_UNAVAILABLE
ENDS: list[Callable[[PostgresServer], None]] = [PostgresServer.stop, PostgresServer.kill]


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    with running_redis(persistent=True) as server:
        yield server


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """Return a server of the test's own: others must not see it end."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def url(server: PostgresServer) -> str:
    url = server.url(server.make_database())
    migrate(url, DatabaseSettings())
    return url


@pytest.fixture
async def gateway(url: str, redis_server: RedisServer, tmp_path: Path) -> AsyncIterator[Gateway]:
    async with running_gateway(settings_for(tmp_path, redis_server.url, database_url=url)) as found:
        yield found


async def contents(gateway: Gateway, session_id: str) -> list[str]:
    answer = await gateway.client.get(f"/sessions/{session_id}/messages")
    assert answer.status_code == OK, answer.text
    return [message["content"] for message in answer.json()["messages"]]


async def inbox(gateway: Gateway, session_id: str) -> set[str | None]:
    return {getattr(value, "content", None) for value in await gateway.inbox(session_id)}


@pytest.mark.parametrize("end", ENDS)
async def test_requests_recover(
    gateway: Gateway, server: PostgresServer, end: Callable[[PostgresServer], None]
) -> None:
    session_id = await gateway.create()
    await gateway.say(session_id, "before")
    await asyncio.to_thread(end, server)
    for path in ("/sessions", f"/sessions/{session_id}/messages"):
        answer = await gateway.client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (AWAY, "BACKEND_UNAVAILABLE")
    health = await gateway.client.get("/health")
    assert (health.status_code, health.json()["services"]["database"]) == (AWAY, "unhealthy")
    await asyncio.to_thread(server.start)
    assert (await gateway.client.get("/health")).json()["services"]["database"] == "healthy"
    await gateway.say(session_id, "after")
    assert await contents(gateway, session_id) == ["before", "after"]


async def test_what_was_acknowledged_while_it_restarts_is_there(
    gateway: Gateway, server: PostgresServer
) -> None:
    """Many write all the time, each until it is told that its message is taken."""
    session_id = await gateway.create()
    stopped = asyncio.Event()
    taken: list[str] = []

    async def write(name: str) -> None:
        number = 0
        while not stopped.is_set():
            content = f"{name}-{number}"
            answer = await gateway.client.post(
                f"/sessions/{session_id}/messages",
                json={"content": content},
                headers={"Idempotency-Key": content},
            )
            assert answer.status_code in {CREATED, AWAY}, answer.text
            if answer.status_code == CREATED:
                taken.append(content)
                number += 1
            else:
                await asyncio.sleep(0.02)  # as a client waits before it tries again

    async with asyncio.TaskGroup() as group:
        for name in "abcd":
            group.create_task(write(name))
        for end in (*ENDS, *ENDS):
            before = len(taken)
            async with asyncio.timeout(LIMIT):
                while len(taken) < before + 20:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            await asyncio.to_thread(end, server)
            await asyncio.to_thread(server.start)
        stopped.set()
    found = await contents(gateway, session_id)
    assert len(found) == len(set(found))
    assert set(taken) <= set(found)
    # What was written and not acknowledged, because the answer was lost, is the next of its writer.
    assert len(found) - len(taken) <= len("abcd") * len(ENDS) * 2
    async with asyncio.timeout(LIMIT):  # what could not be sent at once is sent later
        while not set(taken) <= await inbox(gateway, session_id):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.fixture
async def history(url: str, redis_server: RedisServer) -> AsyncIterator[History]:
    async with a_history(url, redis_server.url) as history:
        yield history


async def test_the_recorder_waits_for_it(history: History, server: PostgresServer) -> None:
    session = history.backend.add()
    recorder = history.start()
    [first] = await publish(history.redis, session, said("t", 1, "1"))
    await history.until_at(session, first)
    await asyncio.to_thread(server.kill)
    *_, last = await publish(history.redis, session, said("t", 2, "2"), said("t", 3, "3"))
    await until(lambda: recorder.writer.failures > 0)
    await asyncio.to_thread(server.start)
    await history.until_at(session, last)
    rows = await history.rows(messages, session)
    assert [row.content for row in rows] == ["1", "2", "3"]
