"""The gateway behind a real socket, in this process: uvicorn as a process has it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI
from redis.asyncio import Redis

from moorage_gateway.app import create_app
from moorage_gateway.server import Server, make_server
from moorage_gateway.settings import Settings
from moorage_testing.backend import MemoryBackend
from moorage_testing.wire import Wire


@dataclass(frozen=True, slots=True)
class Serving:
    """A gateway that listens."""

    port: int
    server: Server
    backend: MemoryBackend
    app: FastAPI
    redis: Redis


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[Serving]:
    """Serve on a free port of the loopback."""
    backend = MemoryBackend()
    app = create_app(settings, backend.opened)
    server = make_server(app, settings)
    listener = socket.create_server(("127.0.0.1", 0))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    async with Redis.from_url(settings.redis_url.get_secret_value()) as redis:
        try:
            async with asyncio.timeout(10):
                while not server.started and not task.done():  # noqa: ASYNC110 - uvicorn's way
                    await asyncio.sleep(0.01)
            yield Serving(listener.getsockname()[1], server, backend, app, redis)
        finally:
            server.should_exit = True
            async with asyncio.timeout(15):
                await task


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[tuple[Serving, Wire]]:
    """Serve, with one connection to it."""
    async with serving(settings) as served, await Wire.connect(served.port) as wire:
        yield served, wire
