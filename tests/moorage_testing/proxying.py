"""The credential proxy behind a real socket, with stand-ins for upstreams on loopback."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
from aiohttp import web
from redis.asyncio import Redis

from moorage_api import meter
from moorage_api.grant import GRANT_FIELD, TOKEN_FIELD, Grant, new_token, token_digest
from moorage_api.keys import SessionKeys
from moorage_gateway.credential_proxy.app import Context, Outside, create_app, opened
from moorage_gateway.credential_proxy.git.credentials import NoSecrets
from moorage_gateway.credential_proxy.settings import ProxySettings

Answer = Callable[["Seen", web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Seen:
    """A request as it came to a stand-in."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class StandIn:
    """A server that answers as a test says, and remembers what it was asked."""

    answer: Answer
    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once somebody went away before the end of an answer."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        seen = Seen(request.method, request.raw_path, request.headers.copy(), body)
        self.seen.append(seen)
        try:
            return await self.answer(seen, request)
        except (asyncio.CancelledError, ConnectionError):
            self.cancelled.set()
            raise


@asynccontextmanager
async def listening(app: web.Application, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve on a free port of the loopback; yields the URL."""
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024, ssl_context=tls).start()
        yield f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def standing_in(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[StandIn]:
    """Stand in for an upstream."""
    stand_in = StandIn(answer)
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path:.*}", stand_in.handle)
    async with listening(app, tls) as url:
        stand_in.url = url
        yield stand_in


@dataclass(frozen=True)
class Proxying:
    """A proxy that listens."""

    url: str
    context: Context
    client: aiohttp.ClientSession

    def messages(self, token: str, body: Mapping[str, Any] | None = None) -> Any:
        """Ask the model; to be used as a block."""
        return self.client.post(
            f"{self.url}/v1/messages",
            data=json.dumps(asking() if body is None else body),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )


@asynccontextmanager
async def proxying(
    settings: ProxySettings, outside: Outside | None = None
) -> AsyncIterator[Proxying]:
    """Serve with these settings."""
    around = outside or Outside(NoSecrets())
    async with opened(settings, around) as context, listening(create_app(context)) as url:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as client:
            yield Proxying(url, context, client)


def proxy_settings(
    folder: Path, redis_url: str, upstreams: Sequence[str | Mapping[str, Any]], **groups: Any
) -> ProxySettings:
    """Return settings for these upstreams; each has a key of its own, `key of NAME`."""
    entries = []
    for number, upstream in enumerate(upstreams):
        entry = {"url": upstream} if isinstance(upstream, str) else dict(upstream)
        entry = {"name": f"upstream-{number}", **entry}
        key_file = folder / f"{entry['name']}.key"
        key_file.write_text(f"key of {entry['name']}\n")
        entries.append({"keyFile": str(key_file), **entry})
    model = {"upstreams": entries, **groups.pop("model", {})}
    return ProxySettings.model_validate({"redis": {"url": redis_url}, "model": model, **groups})


async def admit(
    redis: Redis, session_id: str | None = None, *, lease: int = 600, **fields: Any
) -> tuple[SessionKeys, str]:
    """Write a grant as the operator does; give the session's keys and its token."""
    keys = SessionKeys(session_id or str(uuid4()))
    token = new_token(keys.session_id)
    grant = Grant.model_validate({"namespace": "sessions", "name": "s", **fields})
    values: dict[Any, Any] = {
        TOKEN_FIELD: token_digest(token),
        GRANT_FIELD: grant.model_dump_json(by_alias=True),
    }
    await redis.hset(keys.grant, mapping=values)
    await redis.expire(keys.grant, lease)
    return keys, token


async def metered(redis: Redis, key: str) -> dict[str, int]:
    """Give what a meter has counted."""
    found: dict[Any, Any] = await redis.hgetall(key)
    return {name.decode(): int(value) for name, value in found.items()}


async def spent(redis: Redis, key: str) -> int:
    """Give the millionths of a dollar that a meter has counted."""
    return (await metered(redis, key)).get(meter.COST.decode(), 0)


def asking(model: str = "claude-sonnet-4-5", **fields: Any) -> dict[str, Any]:
    """Give a request to the model."""
    message = {"role": "user", "content": "Hello."}
    return {"model": model, "max_tokens": 1000, "stream": True, "messages": [message], **fields}


def event(kind: str, **data: Any) -> bytes:
    """Give an event of a stream."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n".encode()


def start(**usage: int) -> bytes:
    """Give a stream's first event."""
    return event("message_start", message={"id": "msg", "usage": {"output_tokens": 1, **usage}})


def delta(text: str) -> bytes:
    """Give an event with text."""
    return event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})


def end(**usage: int) -> bytes:
    """Give a stream's last events."""
    stop = event("message_delta", delta={"stop_reason": "end_turn"}, usage=usage)
    return stop + event("message_stop")


STREAM = start(input_tokens=1000) + delta("Hello") + end(output_tokens=200)
"""On Sonnet, at 3 and 15 dollars, 6000 millionths of a dollar."""

STREAM_COST = 6000


async def streaming(
    request: web.Request, *pieces: bytes, gate: asyncio.Event | None = None
) -> web.StreamResponse:
    """Answer with a stream; with a gate, all but the first piece once it opens."""
    reply = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await reply.prepare(request)
    for place, piece in enumerate(pieces):
        if place == 1 and gate is not None:
            await gate.wait()
        await reply.write(piece)
    await reply.write_eof()
    return reply


async def plain(seen: Seen, request: web.Request) -> web.StreamResponse:
    """Answer with a whole stream at once."""
    del seen
    return await streaming(request, STREAM)
