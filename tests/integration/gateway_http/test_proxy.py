"""Connections as a reverse proxy holds them: kept, reused, and believed only from where it is."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from moorage_gateway.app import BASE
from moorage_testing.gateway import REPOSITORY, settings_for
from moorage_testing.redis import RedisServer
from moorage_testing.serving import connected

CREATE = json.dumps({"projectPath": REPOSITORY}).encode()


async def test_a_connection_is_kept_whatever_was_answered(
    home: Path, redis_server: RedisServer
) -> None:
    async with connected(settings_for(home, redis_server.url)) as (_, wire):
        made = await wire.ask("POST", f"{BASE}/sessions", CREATE)
        session = f"{BASE}/sessions/{made.json['id']}"
        tag = (await wire.ask("GET", session)).headers["etag"]
        asked: list[tuple[str, str, bytes | None, dict[str, str], int]] = [
            ("GET", session, None, {"If_None_Match": tag}, 304),
            ("GET", f"{BASE}/nowhere", None, {}, 404),
            ("POST", f"{BASE}/sessions", b"{broken", {}, 400),
            ("POST", f"{session}/messages/", b'{"content": "x"}', {}, 201),
            ("PUT", f"{BASE}/sessions", b"{}", {}, 405),
            ("GET", f"{BASE}/health/", None, {"Accept_Encoding": "gzip"}, 200),
            ("DELETE", session, None, {}, 200),
        ]
        for method, path, body, headers, status in asked:
            answer = await wire.ask(method, path, body, **headers)
            assert answer.status == status, (method, path)
            assert not answer.closes


async def test_requests_may_be_sent_ahead(home: Path, redis_server: RedisServer) -> None:
    async with connected(settings_for(home, redis_server.url)) as (_, wire):
        for number in range(20):
            await wire.send("GET", f"{BASE}/health/live", X_Request_ID=f"r-{number}")
        for number in range(20):
            assert (await wire.answer()).headers["x-request-id"] == f"r-{number}"


async def test_an_idle_connection_is_closed_after_the_time_that_is_set(
    home: Path, redis_server: RedisServer
) -> None:
    settings = settings_for(
        home, redis_server.url, http={"keep_alive_seconds": 1, "drain_seconds": 0}
    )
    async with connected(settings) as (_, wire):
        assert (await wire.ask("GET", f"{BASE}/health/live")).status == 200
        started = asyncio.get_running_loop().time()
        assert await wire.until_end() == b""
        assert asyncio.get_running_loop().time() - started > 0.8


@pytest.mark.parametrize(("trusted", "hsts"), [(["127.0.0.0/8"], True), (["10.0.0.1"], False)])
async def test_a_proxy_is_believed_if_it_is_trusted(
    home: Path, redis_server: RedisServer, trusted: list[str], hsts: bool
) -> None:
    http: Any = {"trusted_proxies": trusted, "drain_seconds": 0}
    async with connected(settings_for(home, redis_server.url, http=http)) as (_, wire):
        answer = await wire.ask(
            "GET", f"{BASE}/health/live", X_Forwarded_Proto="https", X_Forwarded_For="1.2.3.4"
        )
        found = answer.headers.get("strict-transport-security")
        assert found == ("max-age=31536000; includeSubDomains" if hsts else None)
