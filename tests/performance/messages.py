"""Measures how soon the model's answer begins to arrive at a client, with a real Claude Code.

The clock starts when a request is sent and stops at the first event that exists because the
model answered. The model is scripted and answers at once, so what is measured is Moorage's and
Claude Code's own.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2

Json = dict[str, Any]
Timeline = dict[str, float]
"""When what came first, in milliseconds after the request was sent."""
PROMPT = "Say hello. [[script:hello]]"
BASE = "/api/claude-code"
_FIRST_SECONDS = 60.0
_ANSWER_TYPES = {"thinking:start", "thinking:delta", "message:delta", "tool:use"}


class MessagesError(RuntimeError):
    """A session did not do what was asked of it in time."""


@dataclass(slots=True)
class Follower:
    """A client of one session's event stream; remembers when it first saw each type."""

    since: float
    events: asyncio.Queue[Json] = field(default_factory=asyncio.Queue)
    first: Timeline = field(default_factory=dict)

    async def until(self, what: str) -> None:
        """Wait for the model's answer to begin ("answer") or for the turn to end ("usage")."""
        try:
            async with asyncio.timeout(_FIRST_SECONDS):
                while what not in self.first:
                    self._note(await self.events.get())
        except TimeoutError:
            raise MessagesError(f"no {what} came, but {sorted(self.first)}") from None

    async def until_idle(self) -> None:
        """Wait for the turn to end and the session to say that it has nothing to do."""
        await self.until("usage")
        self.first.pop("Idle", None)
        await self.until("Idle")

    def restart(self) -> None:
        """Forget what was seen: another message is sent now."""
        self.first = {}
        self.since = time.monotonic()

    def _note(self, event: Json) -> None:
        passed = round((event["arrived"] - self.since) * 1000, 2)
        self.first.setdefault(event["type"], passed)
        if _answers(event):
            self.first.setdefault("answer", passed)
        if event["type"] == "session:status":
            self.first.setdefault(event["data"].get("activity") or event["data"]["phase"], passed)
        if event["type"] == "error" and not event["data"].get("retryable"):
            raise MessagesError(event["data"]["message"])


def _answers(event: Json) -> bool:
    if event["type"] == "message:start":
        return bool(event["data"]["role"] == "assistant")
    return event["type"] in _ANSWER_TYPES


@asynccontextmanager
async def following(
    http: httpx2.AsyncClient, session: str, since: float
) -> AsyncIterator[Follower]:
    """Follow a session's events from its first one on."""
    follower = Follower(since)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(_follow(http, session, follower.events))
        try:
            yield follower
        finally:
            task.cancel()


async def _follow(http: httpx2.AsyncClient, session: str, into: asyncio.Queue[Json]) -> None:
    path = f"{BASE}/sessions/{session}/events?after=0"
    async with http.stream("GET", path, timeout=None) as response:
        response.raise_for_status()
        async for line in response.aiter_lines():
            if line.startswith("data:"):
                event = json.loads(line.removeprefix("data:"))
                if "type" in event and "data" in event:
                    into.put_nowait(event | {"arrived": time.monotonic()})


async def new_session(http: httpx2.AsyncClient, repository: str) -> Timeline:
    """Make a session with a prompt and delete it; return when what came first, in ms."""
    since = time.monotonic()
    session = await create(http, repository)
    answered = (time.monotonic() - since) * 1000
    try:
        async with following(http, session, since) as follower:
            await follower.until("usage")
            return {"created": round(answered, 2), **follower.first}
    finally:
        (await http.delete(f"{BASE}/sessions/{session}")).raise_for_status()


async def later_messages(http: httpx2.AsyncClient, repository: str, count: int) -> list[Timeline]:
    """Send messages to one session, each after the answer to the one before."""
    session = await create(http, repository)
    seen = []
    try:
        async with following(http, session, time.monotonic()) as follower:
            await follower.until_idle()
            for _ in range(count):
                follower.restart()
                answer = await http.post(
                    f"{BASE}/sessions/{session}/messages", json={"content": PROMPT}
                )
                answer.raise_for_status()
                created = (time.monotonic() - follower.since) * 1000
                await follower.until_idle()
                seen.append({"created": round(created, 2), **follower.first})
    finally:
        (await http.delete(f"{BASE}/sessions/{session}")).raise_for_status()
    return seen


async def create(http: httpx2.AsyncClient, repository: str, **fields: Any) -> str:
    """Make a session with a prompt and return its id."""
    body = {"projectPath": repository, "prompt": PROMPT} | fields
    answer = await http.post(f"{BASE}/sessions", json=body)
    answer.raise_for_status()
    return str(answer.json()["id"])
