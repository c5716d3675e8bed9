"""Connections between proxy and gateway: kept, given up in time, and ended properly."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

from moorage_testing.operating.gateway import Gateway

from .conftest import KEEP_ALIVE, Client, Scene, stop
from .sending import Sent, contents, send_until

CLIENTS = 32
ROUNDS = 3
BODY = b'{"content": "Hello"}'


def connections(replica: Gateway) -> set[str]:
    """Return the other ends of a replica's connections, open ones and just closed ones."""
    port = f":{urlsplit(replica.url).port:04X}"
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = "00000000:0000"
    ends = [(line[1], line[2]) for line in lines if listening not in line[1:3]]
    return {theirs if ours.endswith(port) else ours for ours, theirs in ends
            if ours.endswith(port) or theirs.endswith(port)}  # fmt: skip


async def test_requests_share_a_kept_connection(scene: Scene, session_id: str) -> None:
    async with scene.client() as client:
        for _ in range(2):
            await client.ask("GET", f"/sessions/{session_id}")
        before = [connections(replica) for replica in scene.replicas]
        answers = [await client.ask("GET", f"/sessions/{session_id}") for _ in range(40)]
        after = [connections(replica) for replica in scene.replicas]
    assert {scene.answering(answer) for answer in answers} == set(scene.replicas)
    assert sum(len(now - then) for now, then in zip(after, before, strict=True)) < 10


async def test_a_request_after_any_idle_time_arrives(scene: Scene, session_id: str) -> None:
    """A POST without a key, which no proxy repeats: one lost connection would be a 502."""
    path = f"/sessions/{session_id}/messages"

    async def ask(client: Client, idle: float) -> list[int]:
        statuses = []
        for _ in range(ROUNDS):
            statuses.append((await client.ask("POST", path, BODY)).status)
            await asyncio.sleep(idle)  # to be idle is what is tested
        return [*statuses, (await client.ask("POST", path, BODY)).status]

    async def idling(number: int) -> list[int]:
        async with scene.client() as client:
            return await ask(client, KEEP_ALIVE * (0.4 + 0.8 * number / CLIENTS))

    statuses = await asyncio.gather(*(idling(number) for number in range(CLIENTS)))
    assert statuses == [[201] * (ROUNDS + 1)] * CLIENTS


async def test_a_drained_replica_breaks_no_request_off(scene: Scene, session_id: str) -> None:
    """Without keys and without a second try: each is answered, and done once."""
    sent = Sent()
    async with send_until(scene, session_id, sent, keys=False):
        await sent.more()
        await stop(scene.replicas[0])
        await sent.more()
    assert sent.failed == []
    assert contents(scene, session_id) == sorted(sent.acknowledged)
