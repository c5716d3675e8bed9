"""A gateway with nothing but its live part, on a real server; and clients for it."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import uvicorn
from fastapi import FastAPI
from redis.asyncio import Redis
from starlette.middleware import Middleware

from moorage_api.base import now
from moorage_api.events import (
    FIELD,
    DeltaData,
    Event,
    MessageDeltaEvent,
    SessionStatusEvent,
    StatusData,
    encode_entry,
)
from moorage_api.keys import SessionKeys
from moorage_api.redis_client import make_redis
from moorage_api.resources import ClaudeSession, Phase, SessionSpec
from moorage_api.resources.meta import ObjectMeta
from moorage_api.resources.parts import Repository
from moorage_gateway.app import BASE
from moorage_gateway.auth.gate import Gate
from moorage_gateway.backends.interface import NewSession, SessionChange, SessionMissing
from moorage_gateway.errors import GatewayError, error_response, translate
from moorage_gateway.live.endpoints import router
from moorage_gateway.live.handoff import StreamHandoff
from moorage_gateway.live.hub import Hub
from moorage_gateway.live.places import Places
from moorage_gateway.live.watch import SessionWatch

LIMIT = 10.0
"""Seconds that nothing in a test may take."""


class FakeBackend:
    """Sessions in memory, with a watch as a real backend has it."""

    def __init__(self) -> None:
        self.sessions: dict[str, ClaudeSession] = {}
        self._watchers: set[asyncio.Queue[SessionChange]] = set()

    def add(
        self, session_id: str | None = None, *, owner: str | None = None, phase: str = "Ready"
    ) -> str:
        """Create a session, or change it."""
        uid = session_id or str(uuid4())
        session = ClaudeSession(
            metadata=ObjectMeta(name=f"session-{uid[:8]}", uid=uid, creation_timestamp=now()),
            spec=SessionSpec(
                repository=Repository(url="https://git.example.com/team/app.git"), owner=owner
            ),
        )
        session = session.model_copy(
            update={"status": session.status.model_copy(update={"phase": Phase(phase)})}
        )
        self.sessions[uid] = session
        self._tell(SessionChange("changed", session))
        return uid

    def remove(self, session_id: str) -> None:
        """Delete a session."""
        self._tell(SessionChange("deleted", self.sessions.pop(session_id)))

    def get(self, session_id: str) -> ClaudeSession:
        """Return a session."""
        try:
            return self.sessions[session_id]
        except KeyError:
            raise SessionMissing(session_id) from None

    def list(self) -> list[ClaudeSession]:
        """Return all sessions."""
        return list(self.sessions.values())

    async def create(self, new: NewSession) -> ClaudeSession:
        """Create a session."""
        return self.get(self.add(new.creation_id, owner=new.spec.owner))

    async def suspend(self, session_id: str, *, suspend: bool) -> ClaudeSession:
        """Suspend a session, or run it again."""
        return self.get(self.add(session_id, phase="Suspended" if suspend else "Ready"))

    async def delete(self, session_id: str) -> None:
        """Delete a session, if it is there."""
        if session_id in self.sessions:
            self.remove(session_id)

    async def template(self, name: str) -> None:
        """Return None: there are no templates."""

    async def ready(self) -> bool:
        """Return whether sessions can be created: always."""
        return True

    async def watch(self) -> AsyncIterator[SessionChange]:
        """Yield what is there, then changes."""
        queue: asyncio.Queue[SessionChange] = asyncio.Queue()
        for session in self.list():
            queue.put_nowait(SessionChange("changed", session))
        self._watchers.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._watchers.discard(queue)

    def _tell(self, change: SessionChange) -> None:
        for queue in self._watchers:
            queue.put_nowait(change)


async def until(condition: Callable[[], object]) -> None:
    """Return as soon as the condition holds."""
    async with asyncio.timeout(LIMIT):
        while not condition():  # noqa: ASYNC110 - the code under test offers no event to wait for
            await asyncio.sleep(0.01)


def delta(text: str, message_id: str = "t-1") -> Event:
    """Return a piece of a message."""
    return MessageDeltaEvent(timestamp=now(), data=DeltaData(message_id=message_id, text=text))


def status(phase: Phase = Phase.READY) -> Event:
    """Return a session's status."""
    return SessionStatusEvent(timestamp=now(), data=StatusData(phase=phase))


async def publish(redis: Redis, session_id: str, *events: Event) -> list[str]:
    """Write events as a runner does; return their ids."""
    pipe = redis.pipeline(transaction=False)
    for event in events:
        pipe.xadd(SessionKeys(session_id).events, {FIELD: encode_entry(event)})
    return [entry_id.decode() for entry_id in await pipe.execute()]


async def publish_texts(redis: Redis, session_id: str, texts: Iterable[str]) -> list[str]:
    """Write a delta for each text; return their ids."""
    return await publish(redis, session_id, *(delta(text) for text in texts))


def live_app(hub: Hub, backend: Any, *, handoff: bool = True) -> FastAPI:
    """Return an application with the live endpoints alone."""
    outermost = [Middleware(StreamHandoff)] if handoff else []
    app = FastAPI(middleware=[*outermost, Middleware(Gate)])
    app.include_router(router, prefix=BASE)
    app.add_exception_handler(GatewayError, _answer)
    app.state.context = SimpleNamespace(
        hub=hub,
        watch=SessionWatch(backend, hub),
        backend=backend,
        clock=now,
        logins=None,
        limiter=None,
    )
    app.state.open_routes = frozenset()
    return app


async def _answer(request: Any, error: Exception) -> Any:
    return error_response(translate(error, "test"))


@dataclass
class LiveGateway:
    """A running gateway."""

    hub: Hub
    backend: FakeBackend
    redis: Redis
    port: int
    closing: asyncio.Event
    server: uvicorn.Server
    tasks: list[asyncio.Task[Any]] = field(default_factory=list)
    clients: "list[SseClient]" = field(default_factory=list)

    async def connect(
        self, path: str, *, last_id: str | None = None, receive_buffer: int | None = None
    ) -> "SseClient":
        """Connect a client that is closed at the end, if not before."""
        client = await connect(self.port, path, last_id=last_id, receive_buffer=receive_buffer)
        self.clients.append(client)
        return client

    def path(self, session_id: str, query: str = "") -> str:
        """Return the path of a session's events."""
        return f"{BASE}/sessions/{session_id}/events{query}"

    async def end(self) -> None:
        """End as a process does: streams first, then the server, then the rest."""
        self.closing.set()
        self.server.should_exit = True
        await asyncio.wait_for(self.tasks[0], LIMIT)
        for task in self.tasks[1:]:
            task.cancel()
        await asyncio.gather(*self.tasks[1:], return_exceptions=True)
        await self.redis.aclose()


@asynccontextmanager
async def live_gateway(
    redis_url: str, *, handoff: bool = True, places: int | None = None
) -> AsyncIterator[LiveGateway]:
    """Run a gateway on a free port of the loopback."""
    redis, backend, closing = make_redis(redis_url), FakeBackend(), asyncio.Event()
    hub = Hub(redis, closing, places=Places(places))
    app = live_app(hub, backend, handoff=handoff)
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="warning", ws="none", lifespan="off", loop="none")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    gateway = LiveGateway(
        hub, backend, redis, listener.getsockname()[1], closing, server, [serving]
    )
    gateway.tasks.append(asyncio.create_task(hub.run()))
    gateway.tasks.append(asyncio.create_task(app.state.context.watch.run()))
    try:
        yield gateway
    finally:
        for client in gateway.clients:
            await client.close()
        if not serving.done():
            await gateway.end()


@dataclass(frozen=True, slots=True)
class Received:
    """One event as a client sees it."""

    id: str | None
    type: str
    data: Any

    @property
    def text(self) -> str:
        """The text of a delta."""
        return str(self.data["data"]["text"])


class SseClient:
    """A client on a raw connection: what arrives is what was written."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, status: int, head: str
    ) -> None:
        self.status = status
        self.head = head
        self.last_id: str | None = None
        self.retry_ms: int | None = None
        self.comments: list[str] = []
        self.seen_ids: list[str] = []
        self._reader = reader
        self._writer = writer
        self._buffer = b""
        self._ended = False

    async def next(self) -> Received:
        """Return the next event."""
        async with asyncio.timeout(LIMIT):
            while True:
                head, found, rest = self._buffer.partition(b"\n\n")
                if found:
                    self._buffer = rest
                    received = self._parse(head.decode())
                    if received is not None:
                        return received
                    continue
                if not await self._more():
                    raise EOFError(self._buffer)

    async def take(self, count: int) -> list[Received]:
        """Return the next events."""
        return [await self.next() for _ in range(count)]

    async def rest(self) -> list[Received]:
        """Return everything up to the end of the stream."""
        events = []
        try:
            while True:
                events.append(await self.next())
        except EOFError:
            return events

    async def close(self) -> None:
        """Leave, as a client does whose network is gone."""
        self._writer.transport.abort()
        await asyncio.sleep(0)

    def _parse(self, block: str) -> Received | None:
        fields: dict[str, str] = {}
        for line in block.split("\n"):
            name, _, value = line.partition(":")
            if name:
                fields[name] = value.removeprefix(" ")
            else:
                self.comments.append(value.strip())
        if "id" in fields:
            self.last_id = fields["id"]
            self.seen_ids.append(fields["id"])
        if "retry" in fields:
            self.retry_ms = int(fields["retry"])
        if "data" not in fields:
            return None
        return Received(fields.get("id"), fields["event"], json.loads(fields["data"]))

    async def _more(self) -> bool:
        """Read a chunk of the response."""
        if self._ended:
            return False
        size = int((await self._reader.readline()).strip() or b"0", 16)
        self._buffer += await self._reader.readexactly(size)
        await self._reader.readline()
        self._ended = size == 0
        return not self._ended


async def connect(
    port: int,
    path: str,
    *,
    last_id: str | None = None,
    receive_buffer: int | None = None,
    token: str | None = None,
) -> SseClient:
    """Connect a client; with a small receive buffer it is soon a slow one, if it does not read."""
    raw = socket.socket()
    raw.setblocking(False)
    if receive_buffer is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    try:
        await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", port))
    except BaseException:
        raw.close()
        raise
    reader, writer = await asyncio.open_connection(sock=raw, limit=2**16)
    header = f"Last-Event-ID: {last_id}\r\n" if last_id is not None else ""
    header += f"Authorization: Bearer {token}\r\n" if token is not None else ""
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n".encode())
    try:
        head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), LIMIT)).decode()
    except BaseException:
        writer.transport.abort()
        raise
    return SseClient(reader, writer, int(head.split()[1]), head)


async def ask(port: int, path: str) -> tuple[int, Any]:
    """Return the status and the JSON that a path answers with."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    raw = await asyncio.wait_for(reader.read(), 2 * LIMIT)
    writer.close()
    head, _, body = raw.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)
