"""Who is let in: the session that runs, by its own token, until it is revoked."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from moorage_api.grant import new_token
from moorage_testing.proxying import Proxying, StandIn, admit, proxy_settings, proxying
from moorage_testing.redis import RedisServer


@pytest.fixture
async def proxy(
    tmp_path: Path, redis_server: RedisServer, upstream: StandIn
) -> AsyncIterator[Proxying]:
    async with proxying(proxy_settings(tmp_path, redis_server.url, [upstream.url])) as running:
        yield running


async def test_a_session_is_let_in_by_its_token(proxy: Proxying, redis: Redis) -> None:
    _, token = await admit(redis)
    async with proxy.messages(token) as response:
        assert response.status == 200
    headers = {"x-api-key": token}
    async with proxy.client.get(f"{proxy.url}/v1/models", headers=headers) as response:
        assert response.status == 200


@pytest.mark.parametrize(
    "wrong",
    ["", "anything", "sk-ant-api03-abc", "mo_session_.x", "mo_session_{x}:y.z", "x" * 5000],
)
async def test_anything_else_is_refused(
    proxy: Proxying, redis: Redis, upstream: StandIn, wrong: str
) -> None:
    await admit(redis)
    async with proxy.messages(wrong) as response:
        assert response.status == 401
        error = (await response.json())["error"]
        assert error["type"] == "authentication_error"
        assert error["message"] == "This is not the token of a session that runs."
    assert upstream.seen == []


async def test_without_a_token_nothing_is_answered(proxy: Proxying, upstream: StandIn) -> None:
    for method, path in (
        ("POST", "/v1/messages"),
        ("POST", "/v1/messages/count_tokens"),
        ("GET", "/v1/models"),
        ("GET", "/v1/models/claude-sonnet-4-5"),
    ):
        async with proxy.client.request(method, proxy.url + path) as response:
            assert (path, response.status) == (path, 401)
    assert upstream.seen == []


async def test_a_token_is_good_for_its_own_session_only(proxy: Proxying, redis: Redis) -> None:
    one, _ = await admit(redis)
    _, other = await admit(redis)
    forged = f"mo_session_{one.session_id}.{other.rpartition('.')[2]}"
    for token in (forged, new_token(one.session_id)):
        async with proxy.messages(token) as response:
            assert response.status == 401


async def test_a_revoked_token_ends_at_once(proxy: Proxying, redis: Redis) -> None:
    keys, token = await admit(redis)
    async with proxy.messages(token) as response:
        assert response.status == 200
    await redis.delete(keys.grant)
    async with proxy.messages(token) as response:
        assert response.status == 401


async def test_the_digest_in_redis_is_no_token(proxy: Proxying, redis: Redis) -> None:
    keys, token = await admit(redis)
    digest = (await redis.hget(keys.grant, "token")).decode()  # type: ignore[union-attr]
    assert digest not in token
    async with proxy.messages(f"mo_session_{keys.session_id}.{digest}") as response:
        assert response.status == 401


async def test_without_redis_nobody_is_let_in(
    tmp_path: Path, redis_server: RedisServer, upstream: StandIn, redis: Redis
) -> None:
    _, token = await admit(redis)
    settings = proxy_settings(tmp_path, f"unix://{tmp_path}/none.sock", [upstream.url])
    async with proxying(settings) as proxy:
        async with proxy.messages(token) as response:
            assert response.status == 503
            assert response.headers["Retry-After"]
        async with proxy.client.get(f"{proxy.url}/readyz") as response:
            assert response.status == 503
        async with proxy.client.get(f"{proxy.url}/healthz") as response:
            assert response.status == 200
    assert upstream.seen == []
