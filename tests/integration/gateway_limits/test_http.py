"""Limits over HTTP: exact across replicas, told on every answer, bounded without Redis."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import httpx2

from moorage_gateway.settings import Settings
from moorage_testing.gateway import REPOSITORY, running_gateway, settings_for
from moorage_testing.live import until
from moorage_testing.redis import RedisServer


def limited(home: Path, redis: RedisServer, **rates: Any) -> Settings:
    return settings_for(home, redis.url, limits={"enabled": True, "timeout_seconds": 10.0, **rates})


async def test_two_replicas_count_together(redis_server: RedisServer, home: Path) -> None:
    settings = limited(home, redis_server, reads="50/hour")
    async with running_gateway(settings) as one, running_gateway(settings) as other:
        answers = await asyncio.gather(
            *(replica.client.get("/sessions") for replica in (one, other) for _ in range(60))
        )
    assert Counter(answer.status_code for answer in answers) == {200: 50, 429: 70}


async def test_too_much_is_told_with_what_to_do(redis_server: RedisServer, home: Path) -> None:
    async with running_gateway(limited(home, redis_server, messages="2/minute")) as gateway:
        session = await gateway.create()
        for _ in range(2):
            await gateway.say(session)
        refused = await gateway.client.post(f"/sessions/{session}/messages", json={"content": "x"})
        body = refused.json()
        assert (refused.status_code, body["code"]) == (429, "RATE_LIMITED")
        assert body["details"].keys() == {"limit", "window", "retryAfter"}
        assert (body["details"]["limit"], body["details"]["window"]) == (2, 60)
        assert refused.headers["Retry-After"] == str(body["details"]["retryAfter"])
        assert refused.headers["RateLimit-Policy"] == '"messages";q=2;w=60'
        assert refused.headers["RateLimit"] == f'"messages";r=0;t={body["details"]["retryAfter"]}'
        conversation = (await gateway.client.get(f"/sessions/{session}/messages")).json()
        assert len(conversation["messages"]) == 2  # the third had no effect


async def test_every_answer_of_a_limited_route_tells_the_limit(
    redis_server: RedisServer, home: Path
) -> None:
    async with running_gateway(limited(home, redis_server)) as gateway:
        session = await gateway.create()
        gateway.backend.fault = RuntimeError("a mistake of ours")
        answers = [
            await gateway.client.get(f"/sessions/{session}"),
            await gateway.client.get("/sessions/nonsense"),
            await gateway.client.get("/sessions?limit=0"),
            await gateway.client.get("/sessions"),
            await gateway.client.get(f"/sessions/{session}/files"),
            await gateway.client.post(f"/sessions/{session}/messages", json={"no": "content"}),
        ]
        health = await gateway.client.get("/health/live")
    assert [answer.status_code for answer in answers] == [200, 404, 400, 500, 409, 400]
    names = [answer.headers["RateLimit"].partition(";")[0] for answer in answers]
    assert names == ['"reads"', '"reads"', '"reads"', '"reads"', '"files"', '"messages"']
    assert "RateLimit" not in health.headers  # it has none


async def test_classes_are_counted_apart(redis_server: RedisServer, home: Path) -> None:
    settings = limited(home, redis_server, sessions="1/minute", writes="1/minute", reads="1/minute")
    async with running_gateway(settings) as gateway:
        session = await gateway.create()
        patched = await gateway.client.patch(f"/sessions/{session}", json={"context": 1})
        assert patched.is_success
        assert (await gateway.client.get(f"/sessions/{session}")).is_success
        again = await gateway.client.post("/sessions", json={"projectPath": REPOSITORY})
        assert again.status_code == httpx2.codes.TOO_MANY_REQUESTS


async def test_a_stream_carries_the_fields_too(redis_server: RedisServer, home: Path) -> None:
    async with running_gateway(limited(home, redis_server)) as gateway:
        session = await gateway.create()
        answer = await gateway.client.get(f"/sessions/{session}/events/poll?wait=0")
    assert answer.headers["RateLimit-Policy"] == '"reads";q=1000;w=60'


async def test_streams_held_at_one_time_are_bounded(redis_server: RedisServer, home: Path) -> None:
    async with running_gateway(limited(home, redis_server, streams=1)) as gateway:
        poll = f"/sessions/{await gateway.create()}/events/poll"
        held = asyncio.create_task(gateway.client.get(f"{poll}?wait=25"))
        await until(lambda: gateway.context.hub.counts["clients"])
        refused = await gateway.client.get("/events")
        body = refused.json()
        assert (refused.status_code, body["code"]) == (429, "RATE_LIMITED")
        assert body["details"]["limit"] == 1
        assert refused.headers["Retry-After"] == str(body["details"]["retryAfter"])
        held.cancel()
        await asyncio.wait([held])
        assert (await gateway.client.get(poll)).is_success


async def test_without_redis_each_process_counts_for_itself(
    redis_server: RedisServer, home: Path
) -> None:
    async with running_gateway(limited(home, redis_server, writes="3/hour")) as gateway:
        session = await gateway.create()
        redis_server.kill()
        statuses = [
            (await gateway.client.patch(f"/sessions/{session}", json={"context": n})).status_code
            for n in range(5)
        ]
        assert statuses == [200, 200, 200, 429, 429]


async def test_a_page_of_another_origin_may_read_the_fields(
    redis_server: RedisServer, home: Path
) -> None:
    origin = "https://app.example.com"
    settings = limited(home, redis_server).model_copy(
        update={
            "http": settings_for(home, redis_server.url).http.model_copy(
                update={"allowed_origins": [origin]}
            )
        }
    )
    async with running_gateway(settings) as gateway:
        answer = await gateway.client.get("/sessions", headers={"Origin": origin})
    exposed = answer.headers["Access-Control-Expose-Headers"]
    assert {"RateLimit", "RateLimit-Policy", "Retry-After"} <= set(exposed.split(", "))
