"""A GitHub App: a signed statement becomes a token of one repository, kept while it lasts."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from moorage_gateway.credential_proxy.errors import GitAway, GitRefused
from moorage_gateway.credential_proxy.git.github import GitHubApps
from moorage_gateway.credential_proxy.git.repositories import Address
from moorage_testing.ports import free_port
from moorage_testing.proxying import Seen, StandIn, standing_in

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.TraditionalOpenSSL,
    serialization.NoEncryption(),
).decode()
START = 1_800_000_000.0
REPOSITORY = Address("https", "github.com", "/acme/shop")


class GitHub:
    """Stands in for GitHub: checks the statement as it does."""

    def __init__(self) -> None:
        self.now = START
        self.given = 0
        self.busy: tuple[int, dict[str, str]] | None = None
        """The status and headers that it answers everything with."""

    async def answer(self, seen: Seen, request: web.Request) -> web.StreamResponse:
        statement = seen.headers["Authorization"].removeprefix("Bearer ")
        options: Any = {"verify_exp": False, "verify_iat": False}
        claims = jwt.decode(statement, KEY.public_key(), algorithms=["RS256"], options=options)
        assert claims["iss"] == "77"
        assert claims["iat"] <= self.now
        assert claims["exp"] - self.now <= 600
        if self.busy:
            status, headers = self.busy
            return web.json_response({"message": "Later"}, status=status, headers=headers)
        if seen.path == "/repos/acme/shop/installation":
            return web.json_response({"id": 5})
        if seen.path != "/app/installations/5/access_tokens":
            return web.json_response({"message": "Not Found"}, status=404)
        self.given += 1
        ends = datetime.fromtimestamp(self.now + 3600, UTC)
        body = {"token": f"ghs_{self.given}", "expires_at": f"{ends:%Y-%m-%dT%H:%M:%SZ}"}
        return web.json_response(body, status=201)


@pytest.fixture
def github() -> GitHub:
    return GitHub()


@pytest.fixture
async def server(github: GitHub) -> AsyncIterator[StandIn]:
    async with standing_in(github.answer) as stand_in:
        yield stand_in


@pytest.fixture
async def apps(github: GitHub) -> AsyncIterator[GitHubApps]:
    async with aiohttp.ClientSession() as client:
        yield GitHubApps(client, lambda: github.now)


def values(server: StandIn, **more: str) -> dict[str, str]:
    return {
        "githubAppId": "77\n",
        "githubAppPrivateKey": PEM,
        "githubApiUrl": server.url,
        **more,
    }


async def test_a_token_is_asked_for_and_kept_while_it_lasts(
    apps: GitHubApps, server: StandIn, github: GitHub
) -> None:
    secret = values(server)
    assert await apps.token(secret, REPOSITORY) == "ghs_1"
    assert await apps.token(secret, REPOSITORY) == "ghs_1"
    assert [seen.path for seen in server.seen] == [
        "/repos/acme/shop/installation",
        "/app/installations/5/access_tokens",
    ]
    assert json.loads(server.seen[1].body) == {
        "repositories": ["shop"],
        "permissions": {"contents": "write"},
    }
    github.now += 3400  # it would still be good for a while, but not for a long clone
    assert await apps.token(secret, REPOSITORY) == "ghs_2"


async def test_each_repository_has_a_token_of_its_own(apps: GitHubApps, server: StandIn) -> None:
    secret = values(server, githubAppInstallationId="5")
    assert await apps.token(secret, REPOSITORY) == "ghs_1"
    assert await apps.token(secret, Address("https", "github.com", "/acme/other")) == "ghs_2"
    assert [json.loads(seen.body)["repositories"] for seen in server.seen] == [["shop"], ["other"]]


@pytest.mark.parametrize(
    "wrong",
    [
        {"githubAppInstallationId": "6"},
        {"githubAppInstallationId": "5/../6"},
        {"githubAppPrivateKey": "no key"},
        {"githubAppPrivateKey": ""},
    ],
)
async def test_what_cannot_be_exchanged_is_told_without_the_secret(
    apps: GitHubApps, server: StandIn, wrong: dict[str, str]
) -> None:
    with pytest.raises(GitRefused, match="GitHub gave no token") as refused:
        await apps.token(values(server) | wrong, REPOSITORY)
    assert refused.value.__cause__ is None


async def test_a_github_that_is_away_is_no_refusal(apps: GitHubApps, server: StandIn) -> None:
    away = values(server) | {"githubApiUrl": f"http://127.0.0.1:{free_port()}"}
    with pytest.raises(GitAway, match="does not answer"):
        await apps.token(away, REPOSITORY)


@pytest.mark.parametrize(
    "busy",
    [
        (500, {}),
        (503, {}),
        (429, {}),
        (403, {"Retry-After": "60"}),
        (403, {"X-RateLimit-Remaining": "0"}),
    ],
)
async def test_a_github_that_cannot_just_now_is_no_refusal(
    apps: GitHubApps, server: StandIn, github: GitHub, busy: tuple[int, dict[str, str]]
) -> None:
    github.busy = busy
    with pytest.raises(GitAway, match="GitHub does not answer"):
        await apps.token(values(server), REPOSITORY)
    github.busy = None
    assert await apps.token(values(server), REPOSITORY) == "ghs_1"


@pytest.mark.parametrize("status", [302, 401, 403, 404, 422])
async def test_what_github_refuses_is_refused(
    apps: GitHubApps, server: StandIn, github: GitHub, status: int
) -> None:
    github.busy = status, {"X-RateLimit-Remaining": "4999"}
    with pytest.raises(GitRefused, match="GitHub gave no token"):
        await apps.token(values(server), REPOSITORY)
