"""The inbox against a real Redis: every input once, settled only when it took effect."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from moorage_api.inbox import FIELD, Prompt, encode_input
from moorage_api.keys import INBOX_GROUP, SessionKeys
from moorage_api.redis_client import make_redis
from moorage_api.tasks import end
from moorage_runner.inbox import Inbox, Received
from moorage_runner.settlements import Settlements
from moorage_testing.redis import RedisServer


@pytest.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Redis]:
    client = make_redis(redis_server.url)
    yield client
    await client.aclose()


@pytest.fixture
def keys() -> SessionKeys:
    return SessionKeys(str(uuid4()))


async def add(redis: Redis, keys: SessionKeys, *names: str) -> None:
    for name in names:
        fields: Any = {FIELD: encode_input(Prompt(input_id=name, content="x"))}
        await redis.xadd(keys.inbox, fields)


@asynccontextmanager
async def reading(redis: Redis, keys: SessionKeys) -> AsyncIterator[tuple[Inbox, list[Received]]]:
    inbox, received = Inbox(redis, keys), list[Received]()
    await inbox.remember()
    task = asyncio.create_task(inbox.run(received.append))
    try:
        yield inbox, received
    finally:
        await end(task)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not is_so():  # noqa: ASYNC110 - a list that another task fills
            await asyncio.sleep(0.005)


def names(received: list[Received]) -> list[str | None]:
    return [each.value.input_id if each.value else None for each in received]


async def test_in_order_and_once(redis: Redis, keys: SessionKeys) -> None:
    await add(redis, keys, "a", "b", "a")
    async with reading(redis, keys) as (_, received):
        await until(lambda: len(received) == 3)
        await add(redis, keys, "c", "b")
        await until(lambda: len(received) == 5)
    assert names(received) == ["a", "b", None, "c", None]
    assert [each.duplicate for each in received] == [False, False, True, False, True]


async def test_what_is_pending_comes_again_and_what_is_settled_does_not(
    redis: Redis, keys: SessionKeys
) -> None:
    await add(redis, keys, "a", "b")
    async with reading(redis, keys) as (inbox, received):
        await until(lambda: len(received) == 2)
        await inbox.settle(received[0].entry_id)
    await add(redis, keys, "a", "c", "b")
    async with reading(redis, keys) as (_, again):
        await until(lambda: len(again) == 4)
    assert names(again) == ["b", None, "c", None]


async def test_a_group_that_is_gone_is_made_again(redis: Redis, keys: SessionKeys) -> None:
    await add(redis, keys, "a")
    async with reading(redis, keys) as (inbox, received):
        await until(lambda: len(received) == 1)
        await inbox.settle(received[0].entry_id)
        await redis.delete(keys.inbox)
        await add(redis, keys, "a", "b")
        await until(lambda: len(received) == 3)
    assert names(received) == ["a", None, "b"]


async def test_settlements_wait_for_the_events(redis: Redis, keys: SessionKeys) -> None:
    await add(redis, keys, "a", "b")
    written = asyncio.Event()

    async def events_written() -> None:
        await written.wait()

    async with reading(redis, keys) as (inbox, received):
        settlements = Settlements(redis, keys, inbox, events_written)
        task = asyncio.create_task(settlements.run())
        await until(lambda: len(received) == 2)
        settlements.settle(received[0].entry_id)
        settlements.bury(received[1].entry_id, b"raw", "because")
        await asyncio.sleep(0)
        assert (await redis.xpending(keys.inbox, INBOX_GROUP))["pending"] == 2
        written.set()
        await settlements.finished()
        await end(task)
    assert (await redis.xpending(keys.inbox, INBOX_GROUP))["pending"] == 0
    entries: Any = await redis.xrange(keys.dead)
    ((_, fields),) = entries
    assert fields == {b"input": b"raw", b"reason": b"because"}
