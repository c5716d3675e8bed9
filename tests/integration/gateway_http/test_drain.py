"""SIGTERM under load: a real process, and clients that keep connections as a proxy does."""

import asyncio
import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from moorage_gateway.app import BASE
from moorage_testing.gateway import REPOSITORY
from moorage_testing.gateway_process import gateway_process
from moorage_testing.redis import RedisServer
from moorage_testing.wire import Answer, Wire

CLIENTS = 12
STREAMS = 6
DRAIN = 3.0


@dataclass
class Seen:
    """What the clients saw."""

    acknowledged: list[str] = field(default_factory=list)
    broken_off: list[str] = field(default_factory=list)
    statuses: set[int] = field(default_factory=set)
    told_to_leave: int = 0
    working: asyncio.Event = field(default_factory=asyncio.Event)
    noticed: asyncio.Event = field(default_factory=asyncio.Event)
    """The load balancer noticed that the gateway is not ready: it sends nobody there any more."""

    async def told(self) -> None:
        """Wait until as many answers told to leave as there are clients."""
        while self.told_to_leave < CLIENTS:  # noqa: ASYNC110 - the clients only count
            await asyncio.sleep(0.01)


async def work(port: int, session_id: str, seen: Seen) -> None:
    """Send messages and reads, one after the other, until the load balancer says no more."""
    while not seen.noticed.is_set():
        async with await Wire.connect(port) as wire:
            await use(wire, session_id, seen)


async def use(wire: Wire, session_id: str, seen: Seen) -> None:
    """Use a connection until the server says that it closes it."""
    path = f"{BASE}/sessions/{session_id}/messages"
    for turn in range(1_000_000):
        try:
            if turn % 2:
                answer = await wire.ask("GET", f"{BASE}/sessions/{session_id}")
            else:
                answer = await wire.ask("POST", path, b'{"content": "x"}')
                seen.acknowledged.append(answer.json["message"]["id"])
        except (EOFError, OSError) as error:
            seen.broken_off.append(repr(error))
            return
        seen.statuses.add(answer.status)
        if len(seen.acknowledged) > 2 * CLIENTS:
            seen.working.set()
        if answer.closes:
            seen.told_to_leave += 1
            return


async def follow(port: int, session_id: str, begun: asyncio.Semaphore) -> str:
    """Return all that a stream brought until it ended."""
    async with await Wire.connect(port) as wire:
        await wire.send("GET", f"{BASE}/sessions/{session_id}/events")
        answering = asyncio.create_task(wire.answer())
        begun.release()
        return (await answering).body.decode()


ANY_REPOSITORY = '[{"url": "https://**/**"}]'


async def test_nothing_under_way_is_lost(home: Path, redis_server: RedisServer) -> None:
    settings = {"HTTP__DRAIN_SECONDS": str(DRAIN), "REPOSITORIES__PATTERNS": ANY_REPOSITORY}
    with gateway_process(home, redis_server.url, **settings) as process:
        async with await Wire.connect(process.port) as wire:
            body = json.dumps({"projectPath": REPOSITORY}).encode()
            session_id = (await wire.ask("POST", f"{BASE}/sessions", body)).json["id"]
        seen, begun = Seen(), asyncio.Semaphore(0)
        async with asyncio.TaskGroup() as group:
            streams = [
                group.create_task(follow(process.port, session_id, begun)) for _ in range(STREAMS)
            ]
            for _ in range(CLIENTS):
                group.create_task(work(process.port, session_id, seen))
            for _ in range(STREAMS):
                await begun.acquire()
            await asyncio.wait_for(seen.working.wait(), 20)
            process.end()
            ready = await not_ready(process.port)
            await asyncio.wait_for(seen.told(), 20)
            seen.noticed.set()
        code = await asyncio.to_thread(process.wait)
        assert code == 0
        assert (ready.status, ready.json["ready"], ready.closes) == (503, False, True)
        assert all(ready.json["checks"].values())
        assert (seen.broken_off, seen.statuses) == ([], {200, 201})
        assert seen.told_to_leave >= CLIENTS
        for stream in streams:
            assert "event: end" in stream.result()
            assert '"reason": "shutdown"' in stream.result()
            assert "retry: " in stream.result().split("event: end")[0].rsplit("\n\n", 1)[-1]
        assert set(seen.acknowledged) == stored(home)  # and nothing was done unheard
        assert not [line for line in process.log if line["level"] in {"error", "critical"}]


async def not_ready(port: int) -> Answer:
    """Ask, on a new connection each time, until the gateway says that it is not ready."""
    while True:
        async with await Wire.connect(port) as wire:
            answer = await wire.ask("GET", f"{BASE}/health/ready")
        if answer.status != 200:
            return answer


def stored(home: Path) -> set[str]:
    """Return the ids of all messages in the database."""
    with closing(sqlite3.connect(home / "moorage.db")) as connection:
        return {row[0] for row in connection.execute("SELECT id FROM messages")}
