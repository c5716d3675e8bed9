"""Live events through the proxy: at once, and after a replica's end from the other one."""

from collections.abc import Awaitable, Callable

import pytest

from moorage_api.redis_client import make_redis
from moorage_testing.caddy import REPLICA
from moorage_testing.live import SseClient, publish_texts
from moorage_testing.operating.gateway import Gateway

from .conftest import Scene, kill, stop


def replica_of(scene: Scene, client: SseClient) -> Gateway:
    """Return the replica at which a stream is."""
    head = dict(line.split(": ", 1) for line in client.head.strip().split("\r\n")[1:])
    assert head["Content-Type"].startswith("text/event-stream")
    return scene.named(head[REPLICA])


@pytest.mark.parametrize("end", [stop, kill])
async def test_a_stream_passes_at_once_and_goes_on_at_the_other_replica(
    scene: Scene, session_id: str, end: Callable[[Gateway], Awaitable[None]]
) -> None:
    redis = make_redis(scene.stage.redis.url)
    client = await scene.follow(session_id, "0")
    try:
        for number in range(20):  # the next is written when this one was seen: nothing may wait
            (written,) = await publish_texts(redis, session_id, [str(number)])
            while client.last_id != written:
                await client.next()
        first = replica_of(scene, client)
        await end(first)
        left = await client.rest()
        reasons = [each.data["reason"] for each in left if each.type == "end"]
        assert reasons == (["shutdown"] if end is stop else [])
        assert client.last_id
        missed = await publish_texts(redis, session_id, ["away", "still away"])
        again = await scene.follow(session_id, client.last_id)
        try:
            assert replica_of(scene, again) is not first
            later = await publish_texts(redis, session_id, ["back"])
            while again.last_id != later[-1]:
                await again.next()
            assert again.seen_ids == [*missed, *later]
        finally:
            await again.close()
    finally:
        await client.close()
        await redis.aclose()
