"""Questions that go out together, to a real Redis that fails."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from moorage_api.redis_client import make_redis
from moorage_gateway.pipelined import Pipelined, open_pipelined, pack
from moorage_testing.redis import RedisServer

LIMIT = 10.0


@pytest.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Redis]:
    async with make_redis(redis_server.url) as client:
        yield client


@pytest.fixture
async def pipelined(redis: Redis) -> AsyncIterator[Pipelined]:
    async with open_pipelined(redis, 0.5) as questions:
        yield questions


async def test_each_gets_its_own_replies(pipelined: Pipelined) -> None:
    async def count(name: str) -> list[int]:
        return [(await pipelined.ask(pack("INCR", name)))[0] for _ in range(20)]

    found = await asyncio.gather(*(count(f"n{number}") for number in range(50)))
    assert found == [list(range(1, 21))] * 50


async def test_they_share_one_connection(redis: Redis, pipelined: Pipelined) -> None:
    await redis.ping()
    before = len(await redis.client_list())
    await asyncio.gather(*(pipelined.ask(pack("PING")) for _ in range(100)))
    assert len(await redis.client_list()) == before + 1


async def test_what_one_may_not_ask_is_no_answer_to_others(pipelined: Pipelined) -> None:
    found: list[object] = await asyncio.gather(
        pipelined.ask(pack("SET", "a", 1), pack("LPUSH", "a", "x"), pack("GET", "a")),
        pipelined.ask(pack("ECHO", "still here")),
        return_exceptions=True,
    )
    refused, answered = found
    assert isinstance(refused, ResponseError)
    assert answered == [b"still here"]


async def test_bytes_and_numbers_arrive_as_they_are(pipelined: Pipelined) -> None:
    raw = bytes(range(256)) + b"\r\n$3\r\n"
    assert await pipelined.ask(pack("SET", b"\r\n", raw, "EX", 60), pack("GET", b"\r\n")) == [
        b"OK",
        raw,
    ]


async def test_without_redis_everybody_is_told_and_then_served_again(
    redis_server: RedisServer, pipelined: Pipelined
) -> None:
    await pipelined.ask(pack("PING"))
    redis_server.kill()
    async with asyncio.timeout(LIMIT):
        found = await asyncio.gather(
            *(pipelined.ask(pack("PING")) for _ in range(20)), return_exceptions=True
        )
    assert all(isinstance(each, RedisError) for each in found)
    redis_server.start()
    assert await pipelined.ask(pack("PING")) == [b"PONG"]


async def test_a_redis_that_hangs_is_given_up(redis: Redis, pipelined: Pipelined) -> None:
    await pipelined.ask(pack("PING"))
    await redis.execute_command("CLIENT", "PAUSE", 3_000)  # type: ignore[no-untyped-call]
    async with asyncio.timeout(2.0):  # the limit, once for those asked and once for the next
        with pytest.raises(RedisError):
            await pipelined.ask(pack("SET", "a", 1))


async def test_who_leaves_takes_no_answer_away(pipelined: Pipelined) -> None:
    await pipelined.ask(pack("PING"))
    leaving = [asyncio.create_task(pipelined.ask(pack("ECHO", "leaves"))) for _ in range(5)]
    staying = [asyncio.create_task(pipelined.ask(pack("ECHO", n))) for n in range(5)]
    await asyncio.sleep(0)  # all have asked
    for task in leaving:
        task.cancel()
    assert [await task for task in staying] == [[b"%d" % n] for n in range(5)]


async def test_the_end_leaves_nobody_waiting(redis: Redis) -> None:
    tasks = asyncio.all_tasks()
    async with open_pipelined(redis, 5) as pipelined:
        await pipelined.ask(pack("PING"))
        await redis.execute_command("CLIENT", "PAUSE", 500)  # type: ignore[no-untyped-call]
        waiting = asyncio.create_task(pipelined.ask(pack("SET", "a", 1)))
        await asyncio.sleep(0)
    with pytest.raises(RedisError):
        await waiting
    assert asyncio.all_tasks() == tasks
