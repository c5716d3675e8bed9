"""Who gets a place for a file operation while a runner does not answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from moorage_api.keys import SessionKeys
from moorage_api.rpc import OPERATIONS_AT_ONCE
from moorage_api.tasks import end
from moorage_testing.answering import answering, well
from moorage_testing.gateway import Gateway, running_gateway, settings_for
from moorage_testing.jobs import until
from moorage_testing.redis import RedisServer


@asynccontextmanager
async def silent_session(gateway: Gateway) -> AsyncIterator[str]:
    """Yield a session whose runner answers none of what fills its places, and one more waits."""
    session_id = await gateway.create()
    await gateway.live(session_id)

    async def ask() -> None:
        await gateway.client.get(f"/sessions/{session_id}/files/a.txt")

    async def are_under_way() -> bool:
        return await gateway.redis.xlen(SessionKeys(session_id).rpc) >= OPERATIONS_AT_ONCE

    asked = [asyncio.create_task(ask()) for _ in range(OPERATIONS_AT_ONCE + 1)]
    try:
        await until(are_under_way)
        yield session_id
    finally:
        await asyncio.gather(*(end(task) for task in asked))


async def test_a_session_that_does_not_answer_takes_no_place_of_another(
    redis_server: RedisServer, home: Path
) -> None:
    files = {"timeout_seconds": 60, "concurrency": OPERATIONS_AT_ONCE + 1}
    async with (
        running_gateway(settings_for(home, redis_server.url, files=files)) as gateway,
        silent_session(gateway),
    ):
        other = await gateway.create()
        await gateway.live(other)
        async with answering(gateway.redis, other, well):
            answer = await gateway.client.get(f"/sessions/{other}/files/a.txt")
    assert answer.status_code == 200


async def test_who_waits_in_vain_for_a_place_is_told_so(
    redis_server: RedisServer, home: Path
) -> None:
    files = {"timeout_seconds": 60, "wait_seconds": 0.1, "concurrency": OPERATIONS_AT_ONCE}
    async with (
        running_gateway(settings_for(home, redis_server.url, files=files)) as gateway,
        silent_session(gateway) as silent,
    ):
        other = await gateway.create()
        await gateway.live(other)
        answers = [
            await gateway.client.get(f"/sessions/{session}/files/a.txt")
            for session in (silent, other)
        ]
    assert [(answer.status_code, answer.json()) for answer in answers] == [
        (
            503,
            {
                "error": f"{OPERATIONS_AT_ONCE} file operations of {whose} are under way, as many "
                "as may be: try again shortly",
                "code": "BACKEND_UNAVAILABLE",
                "details": {"service": "files"},
            },
        )
        for whose in ("the session", "this gateway")
    ]
