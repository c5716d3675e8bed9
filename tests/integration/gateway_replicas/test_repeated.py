"""Requests with a key, repeated at the other replica: after an answer, after a replica's death."""

import asyncio
import json
from typing import Any

import pytest
from redis.asyncio import Redis

from moorage_api.inbox import FIELD
from moorage_api.keys import SessionKeys
from moorage_api.redis_client import make_redis
from moorage_testing.operating.gateway import Gateway
from moorage_testing.operating.sessions import REPOSITORY
from moorage_testing.wire import Answer

from .conftest import Scene, kill
from .sending import Sent, contents, send_until


async def repeat_at(scene: Scene, replica: Gateway, path: str, body: bytes, key: str) -> Answer:
    """Repeat a request until it came to a certain replica; return that one's answer."""
    async with asyncio.timeout(20):
        while True:
            async with scene.client() as client:
                answer = await client.ask("POST", path, body, Idempotency_Key=key)
            if scene.answering(answer) is replica:
                return answer


@pytest.mark.parametrize("what", ["a session", "a message"])
async def test_the_other_replica_gives_the_same_answer(
    scene: Scene, session_id: str, what: str
) -> None:
    path, body = {
        "a session": ("/sessions", {"projectPath": REPOSITORY["url"], "prompt": "Hello"}),
        "a message": (f"/sessions/{session_id}/messages", {"content": "Hello"}),
    }[what]
    first, second = scene.replicas
    request = (path, json.dumps(body).encode(), f"the key of {what}".replace(" ", "-"))
    made = await repeat_at(scene, first, *request)
    again = await repeat_at(scene, second, *request)
    assert (made.status, identity(made)) == (201, identity(again))
    assert again.status == 201
    await kill(first)
    after = await repeat_at(scene, second, *request)
    assert (after.status, identity(after)) == (201, identity(made))
    sessions = scene.ada.ids()
    assert len(sessions) == (2 if what == "a session" else 1)
    if what == "a message":
        assert contents(scene, session_id) == ["Hello"]


def identity(answer: Answer) -> Any:
    """Return what was made: a message whole; of a session, which goes on changing, the id."""
    return answer.json["id"] if "id" in answer.json else answer.json["message"]


async def test_a_killed_replica_loses_nothing_acknowledged(scene: Scene, session_id: str) -> None:
    """And nothing is done twice: what got no answer is repeated with its key."""
    sent = Sent()
    async with send_until(scene, session_id, sent, keys=True):
        await sent.more()
        await kill(scene.replicas[0])
        await sent.more()
    assert contents(scene, session_id) == sorted(sent.acknowledged)
    redis = make_redis(scene.stage.redis.url)
    try:
        await until_in_inbox(redis, session_id, set(sent.acknowledged.values()))
    finally:
        await redis.aclose()


async def until_in_inbox(redis: Redis, session_id: str, expected: set[str]) -> None:
    """Wait until exactly these inputs are in what the session's runner reads."""
    async with asyncio.timeout(20):
        while True:
            entries: Any = await redis.xrange(SessionKeys(session_id).inbox)
            if {json.loads(fields[FIELD])["inputId"] for _, fields in entries} == expected:
                return
            await asyncio.sleep(0.05)
