"""500 streams through the proxy while replicas restart: everybody sees every event, once.

It runs alone, after all other tests: `make soak`. What it takes follows from how long replicas need
to start, and each restart waits until everybody listens again: no time is in what it asserts.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from redis.asyncio import Redis

from moorage_api.keys import SessionKeys
from moorage_api.redis_client import make_redis
from moorage_testing.live import SseClient, publish_texts

from .conftest import Scene, kill, start, stop

STREAMS: Final = 500
SESSIONS: Final = 5
PAUSE: Final = 1.0
"""Seconds between two events of a session: 500 deliveries a second in all."""

LIMIT: Final = 300.0
"""Three starts of at most 90 s that a test waits for, and a little."""

_WELL: Final = 200
_LAST: Final = "the last"


@dataclass
class Follower:
    """A client that comes back whenever its stream ends, with the last id that it saw."""

    scene: Scene
    session_id: str
    seen: list[str] = field(default_factory=list)
    streams: int = 0
    gaps: int = 0
    retry_seconds: float = 1.0
    """After how long to come back, as the gateway says it."""
    done: bool = False

    async def run(self) -> None:
        """Follow until the last event was seen."""
        while not self.done:
            with suppress(OSError, EOFError):  # what was seen is known, the rest comes again
                await self._follow()
            if not self.done:
                await asyncio.sleep(self.retry_seconds)

    async def _follow(self) -> None:
        client = await self.scene.follow(self.session_id, self.seen[-1] if self.seen else "0")
        try:
            if client.status == _WELL:
                self.streams += 1
                await self._read(client)
        finally:
            if client.retry_ms is not None:
                self.retry_seconds = client.retry_ms / 1000
            await client.close()

    async def _read(self, client: SseClient) -> None:
        while not self.done:
            event = await client.next()
            if event.id:
                self.seen.append(event.id)
            self.gaps += event.type == "gap"
            self.done = event.type == "message:delta" and event.text == _LAST


@asynccontextmanager
async def writing(redis: Redis, sessions: list[str]) -> AsyncIterator[None]:
    """Write events in all sessions until the block ends, and then each one's last."""

    async def write() -> None:
        while True:
            for session_id in sessions:
                await publish_texts(redis, session_id, ["more"])
            await asyncio.sleep(PAUSE)

    task = asyncio.create_task(write())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        for session_id in sessions:
            await publish_texts(redis, session_id, [_LAST])


async def all_see_more(followers: list[Follower]) -> None:
    """Wait until all of them listen, and see what is written."""
    goals = [len(each.seen) + 2 for each in followers]
    while any(len(each.seen) < goal for each, goal in zip(followers, goals, strict=True)):  # noqa: ASYNC110
        await asyncio.sleep(0.05)


async def restart_one_after_the_other(scene: Scene, followers: list[Follower]) -> None:
    """Restart both as a rollout does, then one as after a crash; each with all streams there."""
    first, second = scene.replicas
    for end, replica in ((stop, first), (stop, second), (kill, first)):
        await all_see_more(followers)
        await end(replica)
        await start(replica)


async def ids(redis: Redis, session_id: str) -> list[str]:
    """Return the ids of all of a session's events."""
    entries: Any = await redis.xrange(SessionKeys(session_id).events)
    return [key.decode() for key, _ in entries]


@pytest.mark.soak
async def test_everybody_sees_every_event_once(scene: Scene) -> None:
    sessions = [scene.session() for _ in range(SESSIONS)]
    followers = [Follower(scene, sessions[number % SESSIONS]) for number in range(STREAMS)]
    redis = make_redis(scene.stage.redis.url)
    try:
        async with asyncio.timeout(LIMIT), asyncio.TaskGroup() as group:
            for follower in followers:
                group.create_task(follower.run())
            async with writing(redis, sessions):
                await restart_one_after_the_other(scene, followers)
        written = {session_id: await ids(redis, session_id) for session_id in sessions}
    finally:
        await redis.aclose()
    assert sum(each.streams for each in followers) >= 2 * STREAMS  # the restarts ended streams
    assert sum(each.gaps for each in followers) == 0
    for follower in followers:
        expected = written[follower.session_id]
        assert follower.seen == expected[: expected.index(follower.seen[-1]) + 1]
