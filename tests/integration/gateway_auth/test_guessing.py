"""Guessing passwords: limited per address and per account, over all replicas."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from moorage_gateway.app import AUTH
from moorage_testing.accounts import PASSWORD, accounts_settings, ask, register
from moorage_testing.gateway import Gateway, running_gateway
from moorage_testing.redis import RedisServer


@asynccontextmanager
async def limited(
    home: Path, redis: RedisServer, **limits: str
) -> AsyncIterator[tuple[Gateway, Gateway]]:
    """Yield two replicas that count."""
    settings = accounts_settings(home, redis.url, limits={"enabled": True} | limits)
    async with (
        running_gateway(settings) as first,
        running_gateway(settings, first.backend) as second,
    ):
        yield first, second


def body_of(answer: httpx2.Response) -> Any:
    return answer.status_code, answer.json()["code"], answer.json().get("details")


async def test_an_address_may_try_ten_times_a_minute(home: Path, redis_server: RedisServer) -> None:
    async with limited(home, redis_server) as replicas:
        statuses = []
        for number in range(11):
            body = {"email": f"user-{number}@example.com", "password": "wrong"}
            answer = await ask(replicas[number % 2], "POST", "/login", body=body)
            statuses.append(answer.status_code)
        assert statuses == [401] * 10 + [429]
        assert body_of(answer)[1] == "RATE_LIMITED"
        assert answer.headers["Retry-After"] == str(answer.json()["details"]["retryAfter"])
        other = await from_address("10.0.0.2", replicas[0])
        assert other.status_code == 401


async def from_address(address: str, gateway: Gateway) -> httpx2.Response:
    transport = httpx2.ASGITransport(app=gateway.app, client=(address, 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        body = {"email": "ada@example.com", "password": "wrong"}
        return await client.post(f"{AUTH}/login", json=body)


async def test_an_account_is_tried_twenty_times_from_whatever_addresses(
    home: Path, redis_server: RedisServer
) -> None:
    async with limited(home, redis_server) as replicas:
        await register(replicas[0])
        answers = [
            await from_address(f"10.0.1.{number}", replicas[number % 2]) for number in range(21)
        ]
        assert [answer.status_code for answer in answers] == [401] * 20 + [429]
        assert answers[-1].json()["details"]["window"] == 900
        right = {"email": "ADA@example.com", "password": PASSWORD}
        assert (await ask(replicas[0], "POST", "/login", body=right)).status_code == 429


async def test_an_account_that_is_not_there_is_limited_alike(
    home: Path, redis_server: RedisServer
) -> None:
    async with limited(home, redis_server, attempts="2/minute") as (gateway, _):
        answers = [await from_address(f"10.0.2.{number}", gateway) for number in range(3)]
        assert [answer.status_code for answer in answers] == [401, 401, 429]


async def test_registrations_and_refreshes_are_limited(
    home: Path, redis_server: RedisServer
) -> None:
    async with limited(home, redis_server) as replicas:
        for path, body, most in (
            ("/register", {"email": "no address", "password": PASSWORD}, 5),
            ("/refresh", {"refreshToken": "mr_unknown"}, 30),
        ):
            answers = [
                (await ask(replicas[number % 2], "POST", path, body=body)).status_code
                for number in range(most + 1)
            ]
            assert answers[-1] == 429
            assert 429 not in answers[:-1]


async def test_without_redis_nobody_guesses_and_the_signed_in_go_on(
    home: Path, redis_server: RedisServer
) -> None:
    async with limited(home, redis_server) as (gateway, _):
        pair = await register(gateway)
        redis_server.kill()
        body = {"email": "ada@example.com", "password": PASSWORD}
        answer = await ask(gateway, "POST", "/login", body=body)
        assert (answer.status_code, answer.json()["code"]) == (503, "BACKEND_UNAVAILABLE")
        assert (await ask(gateway, "GET", "/me", pair["accessToken"])).status_code == 200
        refreshed = await ask(
            gateway, "POST", "/refresh", body={"refreshToken": pair["refreshToken"]}
        )
        assert refreshed.status_code == 200
