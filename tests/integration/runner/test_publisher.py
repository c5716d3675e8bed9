"""The publisher against a real Redis: each event once, in order, whatever Redis does."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from moorage_api.events import (
    FIELD,
    DeltaData,
    Event,
    MessageDeltaEvent,
    SystemData,
    SystemEvent,
    decode_entry,
)
from moorage_api.keys import SessionKeys
from moorage_api.redis_client import make_redis
from moorage_api.tasks import end
from moorage_runner.outbox import Outbox
from moorage_runner.publisher import Publisher
from moorage_testing.redis import RedisServer, running_redis

AT = datetime(2026, 1, 1, tzinfo=UTC)
KEYS = SessionKeys("publisher")


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with running_redis(persistent=True) as running:
        yield running


@asynccontextmanager
async def publishing(
    server: RedisServer, redis: Redis | None = None, outbox: Outbox | None = None
) -> AsyncIterator[Publisher]:
    redis = redis or make_redis(server.url)
    publisher = Publisher(redis, KEYS, outbox)
    task = asyncio.create_task(publisher.run())
    try:
        yield publisher
    finally:
        await end(task)
        await redis.aclose()


def system(number: int) -> Event:
    return SystemEvent(timestamp=AT, data=SystemData(subtype="s", message=str(number)))


def delta(text: str) -> Event:
    return MessageDeltaEvent(timestamp=AT, data=DeltaData(message_id="m", text=text))


async def written(server: RedisServer) -> list[Event]:
    redis = make_redis(server.url)
    entries: Any = await redis.xrange(KEYS.events)
    await redis.aclose()
    return [decode_entry("s", entry_id.decode(), fields[FIELD]) for entry_id, fields in entries]


async def messages(server: RedisServer) -> list[str]:
    return [e.data.message for e in await written(server) if e.type == "system:event"]


async def test_the_first_delta_goes_at_once_and_the_next_together(server: RedisServer) -> None:
    async with publishing(server) as publisher:
        publisher.publish(system(0))
        await publisher.flushed()
        await asyncio.sleep(0.03)
        began = monotonic()
        publisher.publish(delta("a"))
        while len(await written(server)) < 2:
            assert monotonic() - began < 5
        for text in "bcdef":
            publisher.publish(delta(text))
            await asyncio.sleep(0)
        publisher.publish(system(1))
        await publisher.flushed()
        texts = [e.data.text for e in await written(server) if e.type == "message:delta"]
        assert texts == ["a", "bcdef"]


async def test_nothing_is_lost_or_doubled_while_redis_comes_and_goes(server: RedisServer) -> None:
    async with publishing(server) as publisher:
        for number in range(60):
            publisher.publish(system(number))
            if number % 20 == 10:
                server.kill()
                await asyncio.sleep(0.05)
                server.start()
            await asyncio.sleep(0.005)
        await publisher.flushed()
        assert await messages(server) == [str(number) for number in range(60)]


async def test_an_answer_that_is_lost_doubles_nothing(server: RedisServer) -> None:
    """Redis wrote, and the connection broke before it could say so."""
    redis = make_redis(server.url)
    broken: list[object] = []
    original = redis.pipeline

    def pipeline(*arguments: Any, **options: Any) -> Any:
        pipe: Any = original(*arguments, **options)
        execute = pipe.execute

        async def lose_the_answer(*arguments: Any) -> Any:
            answer = await execute(*arguments)
            if len(broken) < 3:
                broken.append(answer)
                raise RedisConnectionError
            return answer

        pipe.execute = lose_the_answer
        return pipe

    redis.pipeline = pipeline  # type: ignore[method-assign]
    async with publishing(server, redis) as publisher:
        for number in range(10):
            publisher.publish(system(number))
            await asyncio.sleep(0.01)
        await publisher.flushed()
    assert len(broken) == 3
    assert await messages(server) == [str(number) for number in range(10)]


async def test_another_writer_ahead_is_passed(server: RedisServer) -> None:
    redis = make_redis(server.url)
    await redis.xadd(KEYS.events, {"x": "y"}, id="99999999999999-5")
    await redis.aclose()
    async with publishing(server) as publisher:
        publisher.publish(system(1))
        await publisher.flushed()
        redis = make_redis(server.url)
        entries: Any = await redis.xrange(KEYS.events)
        await redis.aclose()
        assert [entry_id for entry_id, _ in entries] == [
            b"99999999999999-5",
            b"99999999999999-6",
        ]


async def test_what_does_not_fit_leaves_one_gap(server: RedisServer) -> None:
    async with publishing(server, outbox=Outbox(max_events=20)) as publisher:
        publisher.publish(system(0))
        await publisher.flushed()
        server.kill()
        for number in range(1, 100):
            publisher.publish(system(number))
        server.start()
        await publisher.flushed()
        events = await written(server)
        (gap,) = [event for event in events if event.type == "gap"]
        assert gap.data.reason == "buffer_full"
        shown = len(await messages(server))
        assert shown + (gap.data.missed or 0) == 100
