"""What is metered: what a response says it used, and what it must have used where it breaks off."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from redis.asyncio import Redis

from moorage_testing.proxying import (
    STREAM_COST,
    Seen,
    StandIn,
    admit,
    asking,
    delta,
    metered,
    proxy_settings,
    proxying,
    spent,
    standing_in,
    start,
    streaming,
)
from moorage_testing.redis import RedisServer


async def test_a_stream_is_charged_to_session_user_and_namespace(
    tmp_path: Path, redis_server: RedisServer, redis: Redis, upstream: StandIn
) -> None:
    keys, token = await admit(redis, owner="ann{x}", namespace="team")
    async with proxying(proxy_settings(tmp_path, redis_server.url, [upstream.url])) as proxy:
        for _ in range(2):
            async with proxy.messages(token) as response:
                await response.read()
    month = f"{datetime.now(UTC):%Y-%m}"
    expected = {
        "inputTokens": 2000,
        "cacheReadTokens": 0,
        "cacheWriteTokens": 0,
        "outputTokens": 400,
        "costMicroUsd": 2 * STREAM_COST,
        "requests": 2,
    }
    user, namespace = f"{{user:ann%7Bx%7D}}:meter:{month}", f"{{namespace:team}}:meter:{month}"
    for key in (keys.meter, f"moorage:{user}", f"moorage:{namespace}"):
        assert await metered(redis, key) == expected
    assert await redis.hgetall(keys.holds) == {b"#minute": ANY, b"#requests": b"2"}
    assert await redis.ttl(f"moorage:{user}") > 0


class _Any:
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


ANY = _Any()


async def test_a_stream_that_breaks_off_is_charged_for_what_came(
    tmp_path: Path, redis_server: RedisServer, redis: Redis
) -> None:
    async def answer(seen: Seen, request: web.Request) -> web.StreamResponse:
        reply = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await reply.prepare(request)
        await reply.write(start(input_tokens=1000) + delta("x" * 4000))
        assert request.transport is not None
        request.transport.close()
        return reply

    keys, token = await admit(redis)
    async with standing_in(answer) as upstream:
        settings = proxy_settings(tmp_path, redis_server.url, [upstream.url])
        async with proxying(settings) as proxy, proxy.messages(token) as response:
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.read()
    found = await metered(redis, keys.meter)
    assert found["inputTokens"] == 1000
    assert 950 <= found["outputTokens"] <= 1050


@pytest.mark.parametrize("after", ["the head", "nothing"])
async def test_who_goes_away_pays_for_what_was_asked(
    tmp_path: Path, redis_server: RedisServer, redis: Redis, after: str
) -> None:
    """Else a session could ask for ever without paying."""
    asked = asyncio.Event()

    async def answer(seen: Seen, request: web.Request) -> web.StreamResponse:
        asked.set()
        if after == "nothing":
            await asyncio.Event().wait()
        return await streaming(request, start(input_tokens=9), b"", gate=asyncio.Event())

    keys, token = await admit(redis)
    async with standing_in(answer) as upstream:
        settings = proxy_settings(tmp_path, redis_server.url, [upstream.url])
        async with proxying(settings) as proxy:
            body = asking(system="x" * 30_000)
            task = asyncio.ensure_future(proxy.messages(token, body).__aenter__())
            await asked.wait()
            if after == "nothing":
                task.cancel()
                await asyncio.wait([task])
            else:
                response = await task
                await response.content.readany()
                response.close()
            async with asyncio.timeout(10):
                await upstream.cancelled.wait()
                while not await redis.exists(keys.meter):  # noqa: ASYNC110 - another's write
                    await asyncio.sleep(0.01)
    used = (await metered(redis, keys.meter))["inputTokens"]
    assert used == 9 if after == "the head" else used >= 10_000


async def test_caches_and_searches_have_prices_of_their_own(
    tmp_path: Path, redis_server: RedisServer, redis: Redis
) -> None:
    body = {
        "usage": {
            "input_tokens": 100,
            "cache_read_input_tokens": 1000,
            "cache_creation_input_tokens": 300,
            "cache_creation": {"ephemeral_1h_input_tokens": 100},
            "output_tokens": 10,
            "server_tool_use": {"web_search_requests": 2},
        }
    }

    async def answer(seen: Seen, request: web.Request) -> web.StreamResponse:
        return web.json_response(body)

    keys, token = await admit(redis)
    async with standing_in(answer) as upstream:
        settings = proxy_settings(tmp_path, redis_server.url, [upstream.url])
        async with proxying(settings) as proxy, proxy.messages(token) as response:
            await response.read()
    # 3 dollars a million: 300 + 300 + 200 * 3.75 + 100 * 6 + 10 * 15 + 2 * 10,000
    assert await spent(redis, keys.meter) == 22_100


async def test_counting_tokens_costs_nothing(
    tmp_path: Path, redis_server: RedisServer, redis: Redis
) -> None:
    async def answer(seen: Seen, request: web.Request) -> web.StreamResponse:
        return web.json_response({"input_tokens": 5})

    keys, token = await admit(redis, maxCostUsd=0.000001)
    headers = {"Authorization": f"Bearer {token}"}
    async with standing_in(answer) as upstream:
        settings = proxy_settings(tmp_path, redis_server.url, [upstream.url])
        async with proxying(settings) as proxy:
            url = f"{proxy.url}/v1/messages/count_tokens"
            async with proxy.client.post(url, json=asking(), headers=headers) as response:
                assert await response.json() == {"input_tokens": 5}
    assert await spent(redis, keys.meter) == 0


async def test_what_is_counted_is_shown(
    tmp_path: Path, redis_server: RedisServer, redis: Redis, upstream: StandIn
) -> None:
    _, token = await admit(redis)
    async with proxying(proxy_settings(tmp_path, redis_server.url, [upstream.url])) as proxy:
        async with proxy.messages(token) as response:
            await response.read()
        registry = proxy.context.metrics.registry
        tokens = registry.get_sample_value("moorage_proxy_model_tokens_total", {"kind": "output"})
        assert tokens == 200
        assert registry.get_sample_value("moorage_proxy_model_cost_usd_total") == 0.006
        labels = {"upstream": "upstream-0", "status": "200"}
        assert registry.get_sample_value("moorage_proxy_model_answers_total", labels) == 1
