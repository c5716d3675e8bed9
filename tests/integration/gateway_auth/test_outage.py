"""The database goes away: who is known goes on for seconds, nobody is let in unchecked."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from moorage_gateway.auth.principal import Principal
from moorage_gateway.live.standing import StreamGuard
from moorage_testing.accounts import Clock, accounts_settings, add_user, ask, refresh, works
from moorage_testing.gateway import Gateway, running_gateway
from moorage_testing.postgres import PostgresServer, running_postgres
from moorage_testing.redis import RedisServer


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture
async def gateway(
    server: PostgresServer, redis_server: RedisServer, home: Path, clock: Clock
) -> AsyncIterator[Gateway]:
    url = server.url(server.make_database())
    settings = accounts_settings(home, redis_server.url, database_url=url)
    async with running_gateway(settings, clock=clock) as running:
        yield running


async def test_nobody_is_let_in_unchecked(
    gateway: Gateway, server: PostgresServer, clock: Clock
) -> None:
    user = await add_user(gateway, "ada")
    assert await works(gateway, user.access_token)
    await asyncio.to_thread(server.kill)
    assert (await gateway.client.get("/approvals")).status_code == 401
    clock.turn(seconds=5)
    for answer in (
        await ask(gateway, "GET", "/me", user.access_token),
        await ask(gateway, "GET", "/me", "mk_" + "x" * 43),
        await refresh(gateway, user.refresh_token),
    ):
        assert (answer.status_code, answer.json()["code"]) == (503, "BACKEND_UNAVAILABLE")
    await asyncio.to_thread(server.start)
    assert await works(gateway, user.access_token)
    assert (await refresh(gateway, user.refresh_token)).is_success  # it was not used up


async def test_streams_go_on_unchecked_and_are_checked_again(
    gateway: Gateway, server: PostgresServer, clock: Clock
) -> None:
    user, hub = await add_user(gateway, "ada"), gateway.context.hub
    assert gateway.context.logins is not None
    principal = await gateway.context.logins.authenticator.authenticate(
        f"Bearer {user.access_token}"
    )
    stream = Held(principal)
    hub.clients.add(stream)
    guard = StreamGuard(hub, gateway.context.engine, clock, 1, gateway.context.settings.oidc)
    running = asyncio.create_task(guard.run())
    await asyncio.to_thread(server.kill)
    async with asyncio.timeout(30):
        while not any("unchecked" in line["event"] for line in gateway.logs):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert stream.reasons == []
    await asyncio.to_thread(server.start)
    assert (await ask(gateway, "POST", "/logout", user.access_token)).is_success
    async with asyncio.timeout(30):
        await stream.over.wait()
    assert stream.reasons == ["signed_out"]
    hub.clients.discard(stream)
    running.cancel()
    await asyncio.wait([running])


class Held:
    """Somebody who holds a stream open."""

    def __init__(self, principal: Principal) -> None:
        self.principal = principal
        self.reasons: list[str] = []
        self.over = asyncio.Event()

    def beat(self) -> None:
        pass

    def end(self, reason: str) -> None:
        self.reasons.append(reason)
        self.over.set()
