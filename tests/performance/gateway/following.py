"""Measures clients of event streams that do not behave: one that is away, some that do not read."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from redis.asyncio import Redis

from moorage_gateway.app import BASE
from moorage_testing.live import SseClient, connect, publish_texts
from performance.figures import Figure, Measured, at_most
from performance.gateway.stage import Serving
from performance.procfs import Memory

_RATE: Final = 20
_AWAY_SECONDS: Final = 2
_SMALL_BUFFER: Final = 4096
_TEXT: Final = "x" * 4000
_AT_ONCE: Final = 50
_MOST: Final = 20_000
_LIMIT: Final = 60.0


def away(serving: Serving) -> Measured:
    """Have a client leave for 2 s, while 20 events a second come, and come back."""
    missed, doubled, sent = asyncio.run(_away(serving))
    figure = partial(Figure, f"a client away for {_AWAY_SECONDS} s at {_RATE} events/s")
    figures = [
        figure("missed", missed, f"of {sent}", at_most(0)),
        figure("doubled or out of order", doubled, "", at_most(0)),
    ]
    return Measured(figures, {"sent": sent})


def deaf(serving: Serving, clients: int) -> Measured:
    """Have clients that connect and do not read, until the gateway ends them all."""
    each, reasons, events = asyncio.run(_deaf(serving, clients))
    told = sum(reason == "slow" for reason in reasons)
    figure = partial(Figure, f"{clients} clients that do not read")
    figures = [
        figure("memory of a client, at most", round(each, 1), "KiB", at_most(1024)),
        figure("ended without a reason", clients - told, "", at_most(0)),
        figure("events of 4 kB until then", events, ""),
    ]
    return Measured(figures, {"reasons": reasons})


@asynccontextmanager
async def _redis(serving: Serving) -> AsyncIterator[Redis]:
    async with Redis.from_url(serving.stage.redis.url) as redis:
        yield redis


async def _client(serving: Serving, last_id: str | None = None, buffer: int = 0) -> SseClient:
    path = f"{BASE}/sessions/{serving.sessions[0]}/events"
    return await connect(
        serving.replica.port,
        path,
        last_id=last_id,
        receive_buffer=buffer or None,
        token=serving.token,
    )


async def _away(serving: Serving) -> tuple[int, int, int]:
    count = _RATE * _AWAY_SECONDS + 1
    async with _redis(serving) as redis:
        client = await _client(serving)
        await client.next()
        (first,) = await publish_texts(redis, serving.sessions[0], ["first"])
        last = (await client.next()).id
        assert last == first
        await client.close()
        begun, expected = time.monotonic(), list[str]()
        for number in range(count):
            await asyncio.sleep(max(begun + number / _RATE - time.monotonic(), 0))
            expected += await publish_texts(redis, serving.sessions[0], [f"{number}"])
        again = await _client(serving, last_id=last)
        await again.next()
        seen = [(await again.next()).id for _ in range(count)]
        await again.close()
    wrong = sum(one != other for one, other in zip(seen, expected, strict=True))
    return len(set(expected) - set(seen)), wrong, count


async def _deaf(serving: Serving, clients: int) -> tuple[float, list[str], int]:
    async with _redis(serving) as redis:
        waiting = [await _client(serving, buffer=_SMALL_BUFFER) for _ in range(clients)]
        pid = serving.replica.pid
        before = most = Memory.of(pid).rss
        events, end = 0, time.monotonic() + _LIMIT
        ended = partial(serving.replica.metric, "moorage_stream_ends_total")
        while ended() < clients and events < _MOST and time.monotonic() < end:
            await publish_texts(redis, serving.sessions[0], [_TEXT] * _AT_ONCE)
            events += _AT_ONCE
            most = max(most, Memory.of(pid).rss)
        reasons = [await _reason(each) for each in waiting]
    return (most - before) / clients, reasons, events


async def _reason(client: SseClient) -> str:
    rest = await client.rest()
    await client.close()
    return str(rest[-1].data.get("reason")) if rest and rest[-1].type == "end" else "none"
