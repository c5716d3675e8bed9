"""Admins of an identity provider in the studio: for how long its word lets them in."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from moorage_testing.accounts import Clock, accounts_settings, bearer
from moorage_testing.gateway import Gateway, running_gateway
from moorage_testing.oidc import AUDIENCE, Provider, running_provider
from moorage_testing.redis import RedisServer

STUDIO = "http://localhost/admin"


@pytest.fixture
def provider() -> Iterator[Provider]:
    with running_provider() as running:
        yield running


class Browser:
    """An admin's browser."""

    def __init__(self, client: httpx2.AsyncClient, provider: Provider, clock: Clock) -> None:
        self._client = client
        self._provider = provider
        self._clock = clock

    def token(self, *groups: str) -> str:
        moment = int(self._clock().timestamp())
        return self._provider.token("ada", groups=list(groups), iat=moment, exp=moment + 900)

    async def log_in(self) -> None:
        answer = await self._client.post(f"{STUDIO}/login", data={"token": self.token("ops")})
        assert answer.status_code == 302

    async def is_in(self) -> bool:
        answer = await self._client.get(f"{STUDIO}/users/list")
        assert answer.status_code in {200, 302}
        return answer.status_code == 200


@pytest.mark.parametrize("days", [0, 7])
async def test_the_providers_word_opens_it_for_as_long_as_it_is_kept(
    redis_server: RedisServer,
    home: Path,
    database_url: str,
    clock: Clock,
    provider: Provider,
    days: int,
) -> None:
    oidc = {
        "issuer": provider.issuer,
        "audience": [AUDIENCE],
        "admin_groups": ["ops"],
        "user_groups": ["people"],
        "groups_kept_days": days,
    }
    settings = accounts_settings(
        home, redis_server.url, database_url=database_url, oidc=oidc, studio={"enabled": True}
    )
    async with running_gateway(settings, clock=clock) as gateway, _client(gateway) as client:
        browser = Browser(client, provider, clock)
        await browser.log_in()
        clock.turn(minutes=15)
        assert await browser.is_in()
        clock.turn(minutes=1)  # the token is over
        assert await browser.is_in() is (days > 0)
        await browser.log_in()
        assert await browser.is_in()
        # The provider takes it back.
        answer = await gateway.client.get("/sessions", headers=bearer(browser.token()))
        assert answer.status_code == 403
        assert not await browser.is_in()


def _client(gateway: Gateway) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=gateway.app)
    return httpx2.AsyncClient(transport=transport, base_url="http://localhost")
