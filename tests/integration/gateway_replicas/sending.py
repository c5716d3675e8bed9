"""Clients that send messages one after the other while something happens to the replicas."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from .conftest import Scene

CLIENTS = 8
_CREATED = 201


@dataclass
class Sent:
    """What the clients sent, and what came of it."""

    acknowledged: dict[str, str] = field(default_factory=dict)
    """The ids that messages were given, by what they say."""
    failed: list[str] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def more(self) -> None:
        """Wait until each client has sent some more."""
        enough = len(self.acknowledged) + 4 * CLIENTS
        async with asyncio.timeout(60):
            while len(self.acknowledged) < enough:  # noqa: ASYNC110 - the clients only count
                await asyncio.sleep(0.01)


@asynccontextmanager
async def send_until(
    scene: Scene, session_id: str, sent: Sent, *, keys: bool
) -> AsyncIterator[None]:
    """Send messages until the block ends; with ``keys`` each again until it is acknowledged."""

    async def send(number: int) -> None:
        turn = 0
        while not sent.over.is_set():
            content = f"{number}-{turn}"
            try:
                await _send(scene, session_id, sent, content, keys=keys)
            except (OSError, EOFError) as error:
                sent.failed.append(repr(error))
            turn += not keys or content in sent.acknowledged

    async with asyncio.TaskGroup() as group:
        for number in range(CLIENTS):
            group.create_task(send(number))
        try:
            yield
        finally:
            sent.over.set()


async def _send(scene: Scene, session_id: str, sent: Sent, content: str, *, keys: bool) -> None:
    headers = {"Idempotency_Key": content} if keys else {}
    body = json.dumps({"content": content}).encode()
    async with scene.client() as client:
        answer = await client.ask("POST", f"/sessions/{session_id}/messages", body, **headers)
    if answer.status == _CREATED:
        sent.acknowledged[content] = answer.json["message"]["id"]
    else:
        sent.failed.append(f"{answer.status} {answer.body.decode()}")


def contents(scene: Scene, session_id: str) -> list[str]:
    """Return what the session's messages say, sorted."""
    messages = scene.ada.get(f"/sessions/{session_id}/messages")["messages"]
    return sorted(each["content"] for each in messages)
