"""What passes, and what does not: bytes as they come, the key instead of the token."""

import asyncio
import json
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from redis.asyncio import Redis

from moorage_testing.ports import free_port
from moorage_testing.proxying import (
    STREAM,
    Seen,
    StandIn,
    admit,
    asking,
    metered,
    plain,
    proxy_settings,
    proxying,
    standing_in,
    start,
    streaming,
)
from moorage_testing.redis import RedisServer

ODD = (
    b': comment\r\n\r\nevent: ping\ndata: {"type": "ping"}\n\n' + STREAM + "data: \u00e4\n".encode()
)


async def test_a_stream_passes_byte_for_byte_as_it_comes(
    tmp_path: Path, redis_server: RedisServer, redis: Redis
) -> None:
    gate = asyncio.Event()
    first, rest = ODD[:77], ODD[77:]

    async def answer(seen: Seen, request: web.Request) -> web.StreamResponse:
        return await streaming(request, first, rest, gate=gate)

    _, token = await admit(redis)
    async with standing_in(answer) as upstream:
        settings = proxy_settings(tmp_path, redis_server.url, [upstream.url])
        async with proxying(settings) as proxy, proxy.messages(token) as response:
            assert response.content_type == "text/event-stream"
            assert await response.content.readexactly(len(first)) == first
            gate.set()
            assert await response.read() == rest


async def test_the_key_goes_upstream_and_nothing_of_the_session(
    tmp_path: Path, redis_server: RedisServer, redis: Redis, upstream: StandIn
) -> None:
    _, token = await admit(redis)
    settings = proxy_settings(tmp_path, redis_server.url, [upstream.url])
    headers = {
        "Authorization": f"Bearer {token}",
        "x-api-key": token,
        "Cookie": "a=b",
        "Proxy-Authorization": "Basic x",
        "X-Forwarded-For": "10.0.0.1",
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "x",
        "User-Agent": "claude-cli/2",
        "Accept-Encoding": "gzip, br",
    }
    body = json.dumps(asking())
    async with proxying(settings) as proxy:
        url = f"{proxy.url}/v1/messages?beta=true"
        async with proxy.client.post(url, data=body, headers=headers) as response:
            assert await response.read() == STREAM
    (seen,) = upstream.seen
    assert seen.path == "/v1/messages?beta=true"
    assert seen.body == body.encode()
    assert seen.headers["x-api-key"] == "key of upstream-0"
    assert seen.headers["anthropic-version"] == "2023-06-01"
    assert seen.headers["anthropic-beta"] == "x"
    assert seen.headers["Accept-Encoding"] == "identity"
    assert not {"Authorization", "Cookie", "Proxy-Authorization", "X-Forwarded-For"} & set(
        seen.headers
    )
    assert token not in str(dict(seen.headers))


async def test_nothing_of_the_upstream_s_account_comes_back(
    tmp_path: Path, redis_server: RedisServer, redis: Redis
) -> None:
    async def answer(seen: Seen, request: web.Request) -> web.StreamResponse:
        headers = {
            "anthropic-organization-id": "org",
            "Set-Cookie": "a=b",
            "request-id": "req_1",
            "retry-after": "7",
            "Server": "theirs",
        }
        return web.json_response({"id": "m"}, headers=headers)

    _, token = await admit(redis)
    async with standing_in(answer) as upstream:
        settings = proxy_settings(tmp_path, redis_server.url, [upstream.url])
        async with proxying(settings) as proxy, proxy.messages(token) as response:
            assert response.headers["request-id"] == "req_1"
            assert response.headers["retry-after"] == "7"
            assert response.headers["Server"] == "moorage"
            assert "anthropic-organization-id" not in response.headers
            assert "Set-Cookie" not in response.headers


async def test_a_key_is_read_anew_without_a_restart(
    tmp_path: Path, redis_server: RedisServer, redis: Redis, upstream: StandIn
) -> None:
    """As Kubernetes changes a mounted Secret: a link is moved to another folder."""
    _, token = await admit(redis)
    for number in (1, 2):
        (tmp_path / f"v{number}").mkdir()
        (tmp_path / f"v{number}" / "key").write_text(f"version {number}")
    link, mounted = tmp_path / "data", tmp_path / "key"
    link.symlink_to("v1")
    mounted.symlink_to("data/key")
    entry = {"url": upstream.url, "keyFile": str(mounted), "auth": "bearer"}
    async with proxying(proxy_settings(tmp_path, redis_server.url, [entry])) as proxy:
        async with proxy.messages(token) as response:
            assert response.status == 200
        (tmp_path / "next").symlink_to("v2")
        (tmp_path / "next").rename(link)
        async with proxy.messages(token) as response:
            assert response.status == 200
    keys = [seen.headers["Authorization"] for seen in upstream.seen]
    assert keys == ["Bearer version 1", "Bearer version 2"]


@pytest.mark.parametrize("trouble", [529, 500, 503, "nobody listens", "no key"])
async def test_the_next_upstream_is_asked_where_one_is_in_trouble(
    tmp_path: Path, redis_server: RedisServer, redis: Redis, upstream: StandIn, trouble: int | str
) -> None:
    async def answer(seen: Seen, request: web.Request) -> web.StreamResponse:
        return web.json_response({"type": "error"}, status=int(trouble))

    _, token = await admit(redis)
    async with standing_in(answer) as bad:
        first = {"url": bad.url}
        if trouble == "nobody listens":
            first = {"url": f"http://127.0.0.1:{free_port()}"}
        if trouble == "no key":
            first = {"url": bad.url, "keyFile": str(tmp_path / "missing")}
        settings = proxy_settings(tmp_path, redis_server.url, [first, upstream.url])
        async with proxying(settings) as proxy, proxy.messages(token) as response:
            assert response.status == 200
            assert await response.read() == STREAM
    assert upstream.seen[0].headers["x-api-key"] == "key of upstream-1"


@pytest.mark.parametrize("status", [400, 403, 404, 429])
async def test_what_is_the_request_s_own_fault_is_asked_once(
    tmp_path: Path, redis_server: RedisServer, redis: Redis, upstream: StandIn, status: int
) -> None:
    async def answer(seen: Seen, request: web.Request) -> web.StreamResponse:
        return web.json_response({"type": "error"}, status=status)

    keys, token = await admit(redis)
    async with standing_in(answer) as bad:
        settings = proxy_settings(tmp_path, redis_server.url, [bad.url, upstream.url])
        async with proxying(settings) as proxy, proxy.messages(token) as response:
            assert response.status == status
            assert await response.json() == {"type": "error"}
    assert upstream.seen == []
    assert await metered(redis, keys.meter) == {}


async def test_after_the_first_byte_no_other_is_asked(
    tmp_path: Path, redis_server: RedisServer, redis: Redis, upstream: StandIn
) -> None:
    async def answer(seen: Seen, request: web.Request) -> web.StreamResponse:
        reply = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await reply.prepare(request)
        await reply.write(start(input_tokens=10))
        assert request.transport is not None
        request.transport.close()
        return reply

    _, token = await admit(redis)
    async with standing_in(answer) as bad:
        settings = proxy_settings(tmp_path, redis_server.url, [bad.url, upstream.url])
        async with proxying(settings) as proxy, proxy.messages(token) as response:
            assert await response.content.readany() == start(input_tokens=10)
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.read()
    assert upstream.seen == []


async def test_models_have_upstreams_of_their_own(
    tmp_path: Path, redis_server: RedisServer, redis: Redis, upstream: StandIn
) -> None:
    _, token = await admit(redis)
    async with standing_in(plain) as other:
        entries = [
            {"url": other.url, "models": ["*haiku*"]},
            {"url": upstream.url, "models": ["claude-*"]},
        ]
        settings = proxy_settings(tmp_path, redis_server.url, entries)
        async with proxying(settings) as proxy:
            for model, status in (
                ("claude-haiku-4-5", 200),
                ("claude-sonnet-4-5", 200),
                ("gpt-4", 404),
            ):
                async with proxy.messages(token, asking(model)) as response:
                    assert (model, response.status) == (model, status)
        assert [json.loads(seen.body)["model"] for seen in other.seen] == ["claude-haiku-4-5"]
    assert [json.loads(seen.body)["model"] for seen in upstream.seen] == ["claude-sonnet-4-5"]


async def test_who_goes_away_ends_the_request_upstream(
    tmp_path: Path, redis_server: RedisServer, redis: Redis
) -> None:
    async def answer(seen: Seen, request: web.Request) -> web.StreamResponse:
        return await streaming(request, start(input_tokens=10), b"never", gate=asyncio.Event())

    _, token = await admit(redis)
    async with standing_in(answer) as upstream:
        settings = proxy_settings(tmp_path, redis_server.url, [upstream.url])
        async with proxying(settings) as proxy:
            async with proxy.messages(token) as response:
                await response.content.readany()
                response.close()
            async with asyncio.timeout(10):
                await upstream.cancelled.wait()


async def test_a_refused_key_is_told_as_what_it_is(
    tmp_path: Path, redis_server: RedisServer, redis: Redis
) -> None:
    async def answer(seen: Seen, request: web.Request) -> web.StreamResponse:
        return web.json_response({"message": f"bad {seen.headers['x-api-key']}"}, status=401)

    _, token = await admit(redis)
    async with standing_in(answer) as upstream:
        settings = proxy_settings(tmp_path, redis_server.url, [upstream.url])
        async with proxying(settings) as proxy, proxy.messages(token) as response:
            assert response.status == 403
            text = await response.text()
            assert "refused the key of this installation" in text
            assert "key of upstream-0" not in text


async def test_what_is_no_request_goes_nowhere(
    tmp_path: Path, redis_server: RedisServer, redis: Redis, upstream: StandIn
) -> None:
    _, token = await admit(redis)
    limit = {"max_body_bytes": 100_000}
    settings = proxy_settings(tmp_path, redis_server.url, [upstream.url], model=limit)
    headers = {"Authorization": f"Bearer {token}"}
    async with proxying(settings) as proxy:
        for body, status in (
            (b"{", 400),
            (b"[]", 400),
            (b'{"model": 1}', 400),
            (b"[" * 90_000, 400),
            (b"x" * 100_001, 413),
        ):
            url = f"{proxy.url}/v1/messages"
            async with proxy.client.post(url, data=body, headers=headers) as response:
                assert response.status == status
                assert (await response.json())["type"] == "error"
        for method, path in (("POST", "/v1/files"), ("DELETE", "/v1/messages"), ("GET", "/x")):
            async with proxy.client.request(method, proxy.url + path, headers=headers) as response:
                assert response.status == 404
    assert upstream.seen == []


async def test_an_answer_that_is_not_streamed_passes_too(
    tmp_path: Path, redis_server: RedisServer, redis: Redis
) -> None:
    body = {"id": "msg", "usage": {"input_tokens": 1000, "output_tokens": 200}}

    async def answer(seen: Seen, request: web.Request) -> web.StreamResponse:
        return web.json_response(body)

    keys, token = await admit(redis)
    async with standing_in(answer) as upstream:
        settings = proxy_settings(tmp_path, redis_server.url, [upstream.url])
        async with proxying(settings) as proxy, proxy.messages(token) as response:
            assert await response.json() == body
            await response.read()
    assert (await metered(redis, keys.meter))["costMicroUsd"] == 6000
