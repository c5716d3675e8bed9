"""How many streams and polls one user holds at one time."""

import asyncio

import pytest

from moorage_gateway.app import BASE
from moorage_testing.live import ask, live_gateway, publish_texts, until
from moorage_testing.redis import RedisServer


@pytest.mark.parametrize("handoff", [True, False])
async def test_one_stream_too_many_is_refused_until_one_ends(
    redis_server: RedisServer, handoff: bool
) -> None:
    async with live_gateway(redis_server.url, handoff=handoff, places=2) as gateway:
        session = gateway.backend.add()
        paths = [gateway.path(session), f"{BASE}/events"]
        held = [await gateway.connect(path) for path in paths]
        for path in (*paths, gateway.path(session, "/poll")):
            code, body = await ask(gateway.port, path)
            assert (code, body["code"]) == (429, "RATE_LIMITED")
            assert body["details"] == {"limit": 2, "window": 0, "retryAfter": 5}
            assert "close one" in body["error"]
        for client in held:
            await client.next()
            await client.close()
            await until(lambda: len(gateway.hub.clients) == 1)
            again = await gateway.connect(paths[0])
            assert (again.status, (await again.next()).type) == (200, "connected")


async def test_a_poll_that_waits_holds_a_place(redis_server: RedisServer) -> None:
    async with live_gateway(redis_server.url, places=1) as gateway:
        session = gateway.backend.add()
        poll = asyncio.create_task(
            ask(gateway.port, gateway.path(session, "/poll?wait=20&after=0"))
        )
        await until(lambda: gateway.hub.counts["clients"])
        assert (await gateway.connect(gateway.path(session))).status == 429
        await publish_texts(gateway.redis, session, "a")
        assert (await poll)[0] == 200
        assert (await gateway.connect(gateway.path(session))).status == 200
