"""A request counts before its body is read: whatever it holds, and whether or not it ever comes."""

from pathlib import Path

import pytest

from moorage_gateway.app import AUTH, BASE
from moorage_gateway.settings import Settings
from moorage_testing.gateway import running_gateway, settings_for
from moorage_testing.redis import RedisServer
from moorage_testing.serving import connected

_PATHS = (
    ("POST", f"{BASE}/sessions", "sessions"),
    ("POST", f"{BASE}/sessions/some/messages", "messages"),
    ("PUT", f"{BASE}/sessions/some/files/a.txt", "files"),
    ("PATCH", f"{BASE}/sessions/some", "writes"),
    ("PATCH", f"{AUTH}/me", "writes"),
    ("POST", f"{AUTH}/register", "registrations"),
    ("POST", f"{AUTH}/login", "logins"),
    ("POST", f"{AUTH}/refresh", "refreshes"),
    ("POST", f"{AUTH}/logout", "refreshes"),
)
of_each_class = pytest.mark.parametrize(("method", "path", "limit"), _PATHS)


def two_a_minute(home: Path, redis: RedisServer, limit: str) -> Settings:
    limits = {"enabled": True, "timeout_seconds": 10.0, limit: "2/minute"}
    return settings_for(home, redis.url, limits=limits)


@of_each_class
async def test_bodies_that_are_not_json_count(
    redis_server: RedisServer, home: Path, method: str, path: str, limit: str
) -> None:
    async with running_gateway(two_a_minute(home, redis_server, limit)) as gateway:
        answers = [
            await gateway.client.request(
                method,
                f"http://localhost{path}",
                content="{",
                headers={"Content-Type": "application/json"},
            )
            for _ in range(5)
        ]
    assert [answer.status_code for answer in answers] == [400, 400, 429, 429, 429]
    fields = [answer.headers["RateLimit"].rpartition(";")[0] for answer in answers]
    assert fields == [f'"{limit}";r={left}' for left in (1, 0, 0, 0, 0)]
    assert {answer.headers["RateLimit-Policy"] for answer in answers} == {f'"{limit}";q=2;w=60'}


@of_each_class
async def test_what_is_too_much_is_answered_before_its_body_comes(
    redis_server: RedisServer, home: Path, method: str, path: str, limit: str
) -> None:
    async with connected(two_a_minute(home, redis_server, limit)) as (_, wire):
        for _ in range(2):
            assert (await wire.ask(method, path, b"{")).status == 400
        await wire.send(method, path, Content_Type="application/json", Content_Length="9")
        assert (await wire.answer()).status == 429
