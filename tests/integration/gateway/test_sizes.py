"""What is promised fits into a request, however its JSON is written; little more does."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from moorage_api.resources.parts import MAX_PROMPT
from moorage_api.rpc import MAX_FILE_BYTES
from moorage_gateway.app import AUTH
from moorage_testing.answering import answering, well
from moorage_testing.gateway import REPOSITORY, Gateway, running_gateway, settings_for
from moorage_testing.redis import RedisServer

JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def gateway(redis_server: RedisServer, home: Path) -> AsyncIterator[Gateway]:
    """Return one that gives a runner the time to read the largest file on a busy machine."""
    settings = settings_for(home, redis_server.url, files={"timeout_seconds": 60})
    async with running_gateway(settings) as running:
        yield running


def escaped(**body: object) -> bytes:
    """Return JSON as ASCII, which takes up to 12 bytes for a character."""
    return json.dumps(body).encode("ascii")


async def test_the_longest_message_with_the_longest_rules_is_taken(gateway: Gateway) -> None:
    session_id = await gateway.create()
    path = f"/sessions/{session_id}/messages"
    rules = [f"{number:03}" + "🦀" * 509 for number in range(256)]
    body = escaped(content="🦀" * MAX_PROMPT, allowedTools=rules)
    sent = await gateway.client.post(path, content=body, headers=JSON)
    assert sent.status_code == 201, sent.text[:200]
    plain = json.dumps({"content": "🦀" * MAX_PROMPT}, ensure_ascii=False)
    sent = await gateway.client.post(path, content=plain.encode(), headers=JSON)
    assert sent.status_code == 201, sent.text[:200]
    body = escaped(content="🦀" * (MAX_PROMPT + 1))
    refused = await gateway.client.post(path, content=body, headers=JSON)
    assert (refused.status_code, refused.json()["details"]["unit"]) == (413, "characters")


async def test_the_longest_prompt_is_taken(gateway: Gateway) -> None:
    body = escaped(projectPath=REPOSITORY, prompt="🦀" * MAX_PROMPT, context="🦀" * 5000)
    made = await gateway.client.post("/sessions", content=body, headers=JSON)
    assert made.status_code == 201, made.text[:200]


@pytest.mark.parametrize("character", ["x", "\n", "é", "語", "🦀"])
async def test_the_largest_file_is_taken(gateway: Gateway, character: str) -> None:
    session_id = await gateway.create()
    await gateway.live(session_id)
    path = f"/sessions/{session_id}/files/a.txt"
    content = character * (MAX_FILE_BYTES // len(character.encode()))
    async with answering(gateway.redis, session_id, well):
        written = await gateway.client.put(path, content=escaped(content=content), headers=JSON)
        assert written.status_code == 200, written.text[:200]
        body = escaped(content=content + character)
        refused = await gateway.client.put(path, content=body, headers=JSON)
    assert (refused.status_code, refused.json()["error"]) == (
        413,
        f"the file exceeds {MAX_FILE_BYTES:,} bytes",
    )


async def test_who_nobody_knows_sends_little(gateway: Gateway) -> None:
    body = escaped(email="a@example.com", password="x" * 65_536)
    refused = await gateway.client.post(f"http://localhost{AUTH}/login", content=body, headers=JSON)
    assert (refused.status_code, refused.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(65):
            yield b" " * 1024

    refused = await gateway.client.post(
        f"http://localhost{AUTH}/login", content=chunks(), headers=JSON
    )
    assert (refused.status_code, refused.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")
