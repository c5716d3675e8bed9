"""How long a request may take to arrive: its head, and its body."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import pytest

from moorage_gateway.app import AUTH, BASE
from moorage_gateway.settings import Settings
from moorage_testing.gateway import settings_for
from moorage_testing.live import publish, status
from moorage_testing.redis import RedisServer
from moorage_testing.serving import Serving, connected
from moorage_testing.wire import Wire

_LIVE = f"{BASE}/health/live"
_LOGIN = f"{AUTH}/login"
_BEGUN = f"GET {_LIVE} HTTP/1.1\r\nX-Long: ".encode()

Told = TypeVar("Told")


def quick(home: Path, redis: RedisServer, **http: Any) -> Settings:
    given = {"drain_seconds": 0, "receive_seconds": 0.2, "receive_file_seconds": 60}
    return settings_for(home, redis.url, http=given | http)


async def drip(wire: Wire, told: Coroutine[Any, Any, Told]) -> Told:
    """Send one byte after the other until the server has told something; return that."""
    telling = asyncio.create_task(told)
    with suppress(ConnectionError):
        while not telling.done():
            await wire.write(b"x")
            await asyncio.wait([telling], timeout=0.01)
    return await telling


async def closed(wire: Wire) -> bytes:
    """Return what the server says until it closes the connection, whatever is on its way to it."""
    try:
        return await wire.until_end()
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize(
    ("path", "http"),
    [
        (_LOGIN, {}),
        (f"{BASE}/sessions/some/files/a.txt", {"receive_seconds": 60, "receive_file_seconds": 0.2}),
    ],
)
async def test_a_body_that_does_not_come_is_waited_for_in_vain_for_a_bounded_time(
    redis_server: RedisServer, home: Path, path: str, http: dict[str, Any]
) -> None:
    async with connected(quick(home, redis_server, **http)) as (_, wire):
        await wire.send("POST", path, Content_Type="application/json", Content_Length="9")
        answer = await wire.answer()
        assert (answer.status, answer.json) == (
            408,
            {
                "error": "the request did not arrive within 0.2 s",
                "code": "REQUEST_TIMEOUT",
                "details": {"seconds": 0.2},
            },
        )
        assert answer.closes
        assert await wire.until_end() == b""


async def test_a_body_that_comes_byte_by_byte_has_no_more_time(
    redis_server: RedisServer, home: Path
) -> None:
    async with connected(quick(home, redis_server)) as (_, wire):
        await wire.send("POST", _LOGIN, Content_Type="application/json", Content_Length="9999")
        answer = await drip(wire, wire.answer())
        assert (answer.status, answer.closes) == (408, True)


@pytest.mark.parametrize("begun", [b"", _BEGUN])
async def test_a_head_that_does_not_end_is_not_waited_for(
    redis_server: RedisServer, home: Path, begun: bytes
) -> None:
    async with connected(quick(home, redis_server)) as (served, wire):
        await wire.write(begun)
        assert await wire.until_end() == b""
        async with await Wire.connect(served.port) as other:
            assert (await other.ask("GET", _LIVE)).status == 200
            await other.write(_BEGUN)  # a second request on one connection
            assert await drip(other, closed(other)) == b""


async def test_the_rest_of_a_body_that_nobody_reads_has_no_more_time(
    redis_server: RedisServer, home: Path
) -> None:
    async with connected(quick(home, redis_server)) as (_, wire):
        await wire.send("GET", _LIVE, Content_Length="99999")
        assert (await wire.answer()).status == 200
        assert await drip(wire, closed(wire)) == b""


async def test_what_waits_for_events_has_all_the_time(
    redis_server: RedisServer, home: Path
) -> None:
    async with connected(quick(home, redis_server)) as (served, wire):
        session = await created(served, wire)
        async with await Wire.connect(served.port) as stream:
            await stream.send("GET", f"{BASE}/sessions/{session}/events")
            await stream.until(b"event: connected")
            polled = await wire.ask("GET", f"{BASE}/sessions/{session}/events/poll?wait=1")
            assert (polled.status, polled.json["events"]) == (200, [])
            await publish(served.redis, session, status())
            await stream.until(b"event: session:status")


async def created(served: Serving, wire: Wire) -> str:
    body = b'{"projectPath": "https://git.example.com/team/sample.git"}'
    session_id: str = (await wire.ask("POST", f"{BASE}/sessions", body)).json["id"]
    return session_id
