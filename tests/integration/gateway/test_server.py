"""The server as a process has it: raw requests over a socket, and an end in bounded time."""

import asyncio
import gc
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from moorage_api import collector
from moorage_gateway.app import BASE, create_app
from moorage_gateway.server import Server, make_server
from moorage_testing.backend import MemoryBackend
from moorage_testing.gateway import REPOSITORY, settings_for
from moorage_testing.redis import RedisServer


@pytest.fixture
def listener() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


@asynccontextmanager
async def serving(home: Path, redis: RedisServer, listener: socket.socket) -> AsyncIterator[Server]:
    settings = settings_for(home, redis.url, http={"shutdown_seconds": 3, "drain_seconds": 0})
    server = make_server(create_app(settings, MemoryBackend().opened), settings)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield server
    finally:
        server.should_exit = True
        async with asyncio.timeout(10):
            await task


async def ask(listener: socket.socket, request: bytes) -> tuple[int, bytes, bytes]:
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    writer.write(request)
    await writer.drain()
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split()[0])
    body = await reader.readexactly(length)
    writer.close()
    await writer.wait_closed()
    return int(head.split()[1]), head, body


def raw(method: str, path: str, body: bytes = b"", headers: str = "") -> bytes:
    return (
        f"{method} {BASE}{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n{headers}\r\n"
    ).encode() + body


async def test_the_garbage_collector_is_settled_where_it_was_held_and_else_left_alone(
    home: Path, redis_server: RedisServer, listener: socket.socket
) -> None:
    """In a process with a large heap of its own, each server would look through all of it."""
    frozen = gc.get_freeze_count()
    async with serving(home, redis_server, listener):
        await ask(listener, raw("GET", "/health/live"))
        assert gc.get_freeze_count() <= frozen  # some of it may have gone
    collector.hold()
    try:
        again = socket.create_server(("127.0.0.1", 0))
        async with serving(home, redis_server, again):
            await ask(again, raw("GET", "/health/live"))
            assert gc.isenabled()
            assert gc.get_freeze_count() > frozen
    finally:
        gc.enable()


async def test_paths_arrive_as_they_are_written(
    home: Path, redis_server: RedisServer, listener: socket.socket
) -> None:
    async with serving(home, redis_server, listener):
        status, _, body = await ask(
            listener, raw("POST", "/sessions/", json.dumps({"projectPath": REPOSITORY}).encode())
        )
        assert status == 201
        session_id = json.loads(body)["id"]
        for path in ("../../etc/passwd", "..%2f..%2fetc%2fpasswd", "a/%2e%2e/%2e%2e/b.txt", "%00"):
            status, _, body = await ask(
                listener, raw("GET", f"/sessions/{session_id}/files/{path}")
            )
            assert (status, json.loads(body)["code"]) == (400, "VALIDATION_ERROR"), path
        status, _, body = await ask(listener, raw("GET", f"/sessions/{session_id}/files/%ff.txt"))
        assert (status, json.loads(body)["code"]) == (409, "SESSION_NOT_READY")


async def test_a_body_larger_than_it_may_be_is_refused_before_it_is_read(
    home: Path, redis_server: RedisServer, listener: socket.socket
) -> None:
    async with serving(home, redis_server, listener):
        request = raw("POST", "/sessions").replace(b"Length: 0", b"Length: 99999999999")
        status, _, body = await ask(listener, request)
        assert (status, json.loads(body)["code"]) == (413, "PAYLOAD_TOO_LARGE")


async def test_an_open_stream_does_not_hold_the_end_up(
    home: Path, redis_server: RedisServer, listener: socket.socket
) -> None:
    async with serving(home, redis_server, listener) as server:
        _, _, body = await ask(
            listener, raw("POST", "/sessions", json.dumps({"projectPath": REPOSITORY}).encode())
        )
        path = f"/sessions/{json.loads(body)['id']}/events"
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        writer.write(raw("GET", path))
        assert b" 200 " in await reader.readline()
        await reader.readuntil(b"event: connected")
        server.should_exit = True
        async with asyncio.timeout(3):
            await reader.read()  # to the end of the stream
        writer.close()
        await writer.wait_closed()
