"""Budgets hold: before a request, during it, and however many are asked at once."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from redis.asyncio import Redis

from moorage_testing.proxying import (
    STREAM_COST,
    Proxying,
    Seen,
    StandIn,
    admit,
    asking,
    delta,
    end,
    proxy_settings,
    proxying,
    spent,
    standing_in,
    start,
    streaming,
)
from moorage_testing.redis import RedisServer

USD = 1_000_000


async def status(proxy: Proxying, token: str, body: Mapping[str, Any] | None = None) -> int:
    async with proxy.messages(token, body) as response:
        await response.read()
        return int(response.status)


@pytest.mark.parametrize("whose", ["session", "user", "namespace"])
async def test_a_budget_that_is_spent_is_told_and_holds(
    tmp_path: Path, redis_server: RedisServer, redis: Redis, upstream: StandIn, whose: str
) -> None:
    limit = 2.5 * STREAM_COST / USD
    budgets = {"session": {}, "user": {"user_usd": limit}, "namespace": {"namespace_usd": limit}}
    own = limit if whose == "session" else None
    _, token = await admit(redis, owner="ann", maxCostUsd=own)
    settings = proxy_settings(tmp_path, redis_server.url, [upstream.url], budgets=budgets[whose])
    cheap = asking(max_tokens=10)
    async with proxying(settings) as proxy:
        for _ in range(3):
            assert await status(proxy, token, cheap) == 200
        async with proxy.messages(token, cheap) as response:
            assert response.status == 402
            assert response.headers.get("Retry-After") is None
            error = (await response.json())["error"]
        assert error["type"] == "billing_error"
        assert f"{limit:g} US dollars, is used up" in error["message"]
        if whose != "session":
            _, another = await admit(redis, owner="bob", namespace="others")
            assert await status(proxy, another, cheap) == 200
    assert len(upstream.seen) == (3 if whose == "session" else 4)


async def test_a_user_may_have_a_limit_of_their_own(
    tmp_path: Path, redis_server: RedisServer, redis: Redis, upstream: StandIn
) -> None:
    budgets = {"user_usd": 0.000001, "users": [{"name": "ann", "usd": 5}]}
    settings = proxy_settings(tmp_path, redis_server.url, [upstream.url], budgets=budgets)
    _, rich = await admit(redis, owner="ann")
    _, poor = await admit(redis, owner="bob")
    async with proxying(settings) as proxy:
        assert await status(proxy, rich) == 200
        assert await status(proxy, poor) == 402


async def test_parallel_requests_cannot_spend_more_than_there_is(
    tmp_path: Path, redis_server: RedisServer, redis: Redis
) -> None:
    """Forty at once, each of which spends all that it asked for; there is money for ten."""
    gate = asyncio.Event()

    async def answer(seen: Seen, request: web.Request) -> web.StreamResponse:
        first = start(input_tokens=10)
        return await streaming(request, first, delta("."), end(output_tokens=1000), gate=gate)

    one = 15_030  # 10 tokens in, 1000 out
    limit = 10 * one / USD
    keys, token = await admit(redis, maxCostUsd=limit)
    async with standing_in(answer) as upstream:
        settings = proxy_settings(
            tmp_path, redis_server.url, [upstream.url], sessions={"concurrency": 1000}
        )
        async with proxying(settings) as proxy:
            tasks = [asyncio.create_task(status(proxy, token)) for _ in range(40)]
            while sum(task.done() for task in tasks) + len(upstream.seen) < 40:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            gate.set()
            found = [await task for task in tasks]
            assert 8 <= found.count(200) <= 10
            assert found.count(429) + found.count(200) == 40  # it may be asked again: money is held
            assert await spent(redis, keys.meter) <= limit * USD
            while (last := await status(proxy, token)) == 200:
                pass
            assert last == 402
    assert await spent(redis, keys.meter) <= limit * USD


async def test_a_response_ends_where_the_money_does(
    tmp_path: Path, redis_server: RedisServer, redis: Redis
) -> None:
    """Its last event says why; no event is cut in two."""
    many = [delta("word " * 100) for _ in range(1000)]  # about 125 tokens each

    async def answer(seen: Seen, request: web.Request) -> web.StreamResponse:
        reply = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await reply.prepare(request)
        await reply.write(start(input_tokens=10))
        for each in many:  # torn apart, as networks do, at the pace of a model
            await reply.write(each[:50])
            await asyncio.sleep(0.001)
            await reply.write(each[50:])
        return reply

    limit = 0.03  # two thousand tokens
    keys, token = await admit(redis, maxCostUsd=limit)
    async with standing_in(answer) as upstream:
        settings = proxy_settings(tmp_path, redis_server.url, [upstream.url])
        async with proxying(settings) as proxy:
            async with proxy.messages(token, asking(max_tokens=128_000)) as response:
                assert response.status == 200
                text = await response.text()
            async with asyncio.timeout(10):
                await upstream.cancelled.wait()
            assert await status(proxy, token) == 402
    *deltas, last, nothing = text.split("\n\n")
    assert nothing == ""
    assert all(json.loads(each.partition("data: ")[2]) for each in deltas)
    assert 10 <= len(deltas) <= 25
    error = json.loads(last.partition("data: ")[2])
    assert last.startswith("event: error\n")
    assert error["error"]["type"] == "billing_error"
    assert "0.03 US dollars, is used up" in error["error"]["message"]
    assert limit * USD * 0.9 <= await spent(redis, keys.meter) <= limit * USD * 1.2


async def test_a_response_takes_more_where_others_gave_back(
    tmp_path: Path, redis_server: RedisServer, redis: Redis
) -> None:
    """It was let in with what others left; they spent little, so it need not end."""
    gates = {1000: asyncio.Event(), 5000: asyncio.Event()}

    async def answer(seen: Seen, request: web.Request) -> web.StreamResponse:
        gate = gates[json.loads(seen.body)["max_tokens"]]
        first = start(input_tokens=10)
        return await streaming(request, first, delta("x" * 9000), gate=gate)

    keys, token = await admit(redis, maxCostUsd=0.08)
    async with standing_in(answer) as upstream:
        settings = proxy_settings(tmp_path, redis_server.url, [upstream.url])
        async with (
            proxying(settings) as proxy,
            proxy.messages(token) as small,
            proxy.messages(token, asking(max_tokens=5000)) as large,
        ):
            assert [small.status, large.status] == [200, 200]
            values: list[Any] = await redis.hvals(keys.holds)
            holds = [value.partition(b":") for value in values]
            assert sum(int(amount) for amount, colon, _ in holds if colon) == 80_000
            gates[1000].set()
            await small.read()
            gates[5000].set()
            assert b"error" not in await large.read()
    assert 60_000 < await spent(redis, keys.meter) < 80_000


async def test_what_a_dead_process_held_is_taken_for_spent(
    tmp_path: Path, redis_server: RedisServer, redis: Redis, upstream: StandIn
) -> None:
    keys, token = await admit(redis, maxCostUsd=1)
    held = {"lost": "999999:1", "under way": "5000:99999999999"}
    await redis.hset(keys.holds, mapping=held)  # type: ignore[arg-type]
    async with proxying(proxy_settings(tmp_path, redis_server.url, [upstream.url])) as proxy:
        assert await status(proxy, token) == 402
    assert await spent(redis, keys.meter) == 999_999
    assert await redis.hkeys(keys.holds) == [b"under way", b"#minute", b"#requests"]


async def test_a_session_asks_so_much_at_once_and_no_more(
    tmp_path: Path, redis_server: RedisServer, redis: Redis
) -> None:
    gate = asyncio.Event()

    async def answer(seen: Seen, request: web.Request) -> web.StreamResponse:
        return await streaming(request, start(input_tokens=1), end(output_tokens=1), gate=gate)

    _, token = await admit(redis)
    _, another = await admit(redis)
    async with standing_in(answer) as upstream:
        settings = proxy_settings(
            tmp_path, redis_server.url, [upstream.url], sessions={"concurrency": 2}
        )
        async with proxying(settings) as one, proxying(settings) as two:
            first, second = one.messages(token), two.messages(token)
            await first.__aenter__()
            await second.__aenter__()
            async with one.messages(token) as response:
                assert response.status == 429
                assert (await response.json())["error"]["type"] == "rate_limit_error"
                assert response.headers["Retry-After"] == "2"
            third = two.messages(another)
            assert (await third.__aenter__()).status == 200
            gate.set()
            await first.__aexit__(None, None, None)
            await second.__aexit__(None, None, None)
            await third.__aexit__(None, None, None)


async def test_a_session_asks_so_often_and_no_more(
    tmp_path: Path, redis_server: RedisServer, redis: Redis, upstream: StandIn
) -> None:
    _, token = await admit(redis)
    settings = proxy_settings(
        tmp_path, redis_server.url, [upstream.url], sessions={"per_minute": 5}
    )
    async with proxying(settings) as proxy:
        found = [await status(proxy, token) for _ in range(12)]
    # A minute may have turned in between: then there were two times five.
    assert found.count(200) in {5, 10}
    assert set(found) == {200, 429}
