"""The counter in a real Redis: exact, with waits that are right."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from moorage_api.redis_client import make_redis
from moorage_gateway.limits.counters import RedisCounter
from moorage_gateway.limits.rules import LimitName, Rule, rules_of
from moorage_gateway.pipelined import open_pipelined
from moorage_gateway.settings import LimitSettings
from moorage_testing.redis import RedisServer


@pytest.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Redis]:
    async with make_redis(redis_server.url) as client:
        yield client


@pytest.fixture
async def counter(redis: Redis) -> AsyncIterator[RedisCounter]:
    async with open_pipelined(redis, 5) as pipelined:
        yield RedisCounter(pipelined)


def rule(text: str) -> Rule:
    return rules_of(LimitSettings(messages=text))[LimitName.MESSAGES]


async def pass_time(redis: Redis, milliseconds: int) -> None:
    """Have every key expire so much sooner, which is what time does to them."""
    for key in await redis.keys("moorage:limits:*"):
        left = await redis.pttl(key) - milliseconds
        if left > 0:
            await redis.pexpire(key, left)
        else:
            await redis.delete(key)


async def test_counts_are_exact_and_each_tells_how_it_stands(counter: RedisCounter) -> None:
    ten = rule("10/minute")
    found = [await counter.take(ten, "ada") for _ in range(12)]
    assert [standing.admitted for standing in found] == [True] * 10 + [False] * 2
    assert [standing.remaining for standing in found] == [*range(9, -1, -1), 0, 0]
    assert found[0].reset_seconds == 60
    assert found[-1].retry_after_seconds in {60, 61}
    assert (await counter.take(ten, "bob")).remaining == 9


@pytest.mark.parametrize(
    ("first", "elapsed", "second"), [(10, 0, 0), (7, 70_000, 9), (3, 40_000, 9)]
)
async def test_after_the_wait_that_is_told_a_request_is_admitted(
    redis: Redis, counter: RedisCounter, first: int, elapsed: int, second: int
) -> None:
    ten = rule("10/minute")
    for _ in range(first):
        await counter.take(ten, "ada")
    await pass_time(redis, elapsed)
    for _ in range(second):
        await counter.take(ten, "ada")
    refused = await counter.take(ten, "ada")
    assert not refused.admitted
    await pass_time(redis, refused.wait_ms - 1000)  # a second for this test to run in
    assert not (await counter.take(ten, "ada")).admitted
    await pass_time(redis, 1000)
    assert (await counter.take(ten, "ada")).admitted


async def test_every_key_expires(redis: Redis, counter: RedisCounter) -> None:
    await counter.take(rule("10/minute"), "ada")
    (key,) = await redis.keys("*")
    assert 0 < await redis.pttl(key) <= 120_000


async def test_a_script_that_redis_lost_is_loaded_again(
    redis: Redis, counter: RedisCounter
) -> None:
    await counter.take(rule("10/minute"), "ada")
    await redis.script_flush()
    assert (await counter.take(rule("10/minute"), "ada")).remaining == 8


async def test_many_at_once_over_many_connections(redis_server: RedisServer) -> None:
    hundred = rule("100/hour")
    async with (
        make_redis(redis_server.url) as redis,
        open_pipelined(redis, 5) as one,
        open_pipelined(redis, 5) as other,
    ):
        counters = [RedisCounter(one), RedisCounter(other)]
        found = await asyncio.gather(
            *(counters[number % 2].take(hundred, "ada") for number in range(300))
        )
    assert sum(standing.admitted for standing in found) == 100
    assert sorted(s.remaining for s in found if s.admitted) == list(range(100))
