"""Tokens of an OpenID Connect provider, which is a real server here: keys, rotation, outages."""

import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from moorage_gateway.db.tables import audit_records
from moorage_testing.accounts import Clock, accounts_settings, ask, bearer, change_user, works
from moorage_testing.gateway import REPOSITORY, Gateway, running_gateway
from moorage_testing.oidc import AUDIENCE, Provider, running_provider
from moorage_testing.redis import RedisServer


@pytest.fixture
def provider() -> Iterator[Provider]:
    with running_provider() as running:
        yield running


@pytest.fixture
def settings(redis_server: RedisServer, home: Path, provider: Provider) -> dict[str, Any]:
    return {"issuer": provider.issuer, "audience": ["other", AUDIENCE], "admin_groups": ["ops"]}


@pytest.fixture
async def gateway(
    redis_server: RedisServer, home: Path, clock: Clock, settings: dict[str, Any], database_url: str
) -> AsyncIterator[Gateway]:
    whole = accounts_settings(home, redis_server.url, oidc=settings, database_url=database_url)
    async with running_gateway(whole, clock=clock) as running:
        yield running


@asynccontextmanager
async def with_oidc(gateway: Gateway, clock: Clock, **changes: Any) -> AsyncIterator[Gateway]:
    """Yield another gateway on the same database, with other settings of the provider."""
    settings = gateway.context.settings
    changed = settings.model_copy(update={"oidc": settings.oidc.model_copy(update=changes)})
    async with running_gateway(changed, clock=clock) as running:
        yield running


async def me(gateway: Gateway, token: str) -> Any:
    answer = await ask(gateway, "GET", "/me", token)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_user_is_made_at_first_sight_and_follows_the_provider(
    gateway: Gateway, replica: Gateway, provider: Provider
) -> None:
    first = await me(gateway, provider.token("ada", name="Ada"))
    assert (first["email"], first["name"], first["role"]) == ("ada@example.com", "Ada", "user")
    later = await me(replica, provider.token("ada", email="new@example.com", groups=["ops", "x"]))
    assert later["id"] == first["id"]
    assert (later["email"], later["name"], later["role"]) == ("new@example.com", None, "admin")
    assert (await me(gateway, provider.token("bob")))["id"] != first["id"]
    async with gateway.context.engine.connect() as connection:
        columns = audit_records.c
        query = select(columns.actor_id, columns.details).order_by(columns.position)
        found = await connection.execute(
            query.where(
                columns.action == "user.provide",
                columns.via == "oidc",
                columns.address == "127.0.0.1",
                columns.request_id.is_not(None),
            )
        )
    assert [(row.actor_id == first["id"], row.details["role"]) for row in found] == [
        (True, "user"),
        (True, "admin"),
        (False, "user"),
    ]


async def test_an_account_with_the_same_address_is_another_user(
    gateway: Gateway, provider: Provider
) -> None:
    body = {"email": "ada@example.com", "password": "correct horse"}
    own = (await ask(gateway, "POST", "/register", body=body)).json()
    provided = await me(gateway, provider.token("ada"))
    assert provided["email"] == own["user"]["email"]
    assert provided["id"] != own["user"]["id"]


async def test_groups_say_which_repositories_are_theirs(
    redis_server: RedisServer,
    home: Path,
    clock: Clock,
    settings: dict[str, Any],
    provider: Provider,
) -> None:
    listed = [{"folderName": "shop", "url": REPOSITORY, "groups": ["team"]}]
    whole = accounts_settings(
        home, redis_server.url, oidc=settings, repositories={"listed": listed}
    )
    async with running_gateway(whole, clock=clock) as gateway:
        for groups, total in ((["team"], 1), (["others"], 0), ([], 0)):
            token = provider.token("ada", groups=groups)
            answer = await gateway.client.get("/repositories", headers=bearer(token))
            assert answer.json()["total"] == total, groups


async def key_of(gateway: Gateway, token: str) -> str:
    answer = await ask(gateway, "POST", "/api-keys", token, {"name": "script"})
    assert answer.status_code == 201, answer.text
    key: str = answer.json()["key"]
    return key


async def test_a_key_has_the_groups_of_its_users_last_token_for_a_while(
    redis_server: RedisServer,
    home: Path,
    clock: Clock,
    settings: dict[str, Any],
    provider: Provider,
    database_url: str,
) -> None:
    listed = [{"folderName": "shop", "url": REPOSITORY, "groups": ["team"]}]
    whole = accounts_settings(
        home,
        redis_server.url,
        oidc=settings | {"groups_kept_days": 2},
        repositories={"listed": listed},
        database_url=database_url,
    )

    def token(*groups: str) -> str:
        moment = int(clock().timestamp())
        return provider.token("ada", groups=list(groups), iat=moment, exp=moment + 900)

    async with running_gateway(whole, clock=clock) as gateway:
        key = await key_of(gateway, token("ops", "team"))

        async def seen() -> tuple[str, int]:
            clock.turn(seconds=10)  # what was found of the key before is looked up anew
            role = (await me(gateway, key))["role"]
            answer = await gateway.client.get("/repositories", headers=bearer(key))
            return role, answer.json()["total"]

        assert await seen() == ("admin", 1)
        await me(gateway, token("team"))
        assert await seen() == ("user", 1)
        await me(gateway, token())
        assert await seen() == ("user", 0)
        await me(gateway, token("ops", "team"))
        clock.turn(days=1.9)
        assert await seen() == ("admin", 1)
        # Any token of theirs is the provider's word anew, also one that says the same.
        await me(gateway, token("ops", "team"))
        clock.turn(days=1.9)
        assert await seen() == ("admin", 1)
        clock.turn(days=0.2)
        assert await seen() == ("user", 0)


async def test_a_key_may_be_kept_from_groups_and_their_role_at_all(
    gateway: Gateway, clock: Clock, provider: Provider
) -> None:
    async with with_oidc(gateway, clock, groups_kept_days=0) as without:
        key = await key_of(without, provider.token("ada", groups=["ops"]))
        assert (await me(without, key))["role"] == "user"
    assert (await me(gateway, key))["role"] == "admin"


async def test_groups_say_who_may_come_in(
    gateway: Gateway, clock: Clock, provider: Provider
) -> None:
    changes = {"user_groups": ["people"], "groups_claim": "realm.roles"}
    async with with_oidc(gateway, clock, **changes) as running:
        for roles, role in ((["people"], "user"), (["ops"], "admin"), ("people", "user")):
            token = provider.token("ada", realm={"roles": roles})
            assert (await me(running, token))["role"] == role
        refused: list[dict[str, Any]] = [
            {},
            {"realm": {"roles": []}},
            {"groups": ["people"]},
            {"realm": "people"},
        ]
        for claims in refused:
            answer = await ask(running, "GET", "/me", provider.token("ada", **claims))
            assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")


def token_of(provider: Provider, clock: Clock, subject: str, *groups: str) -> str:
    """Return a token of this moment."""
    moment = int(clock().timestamp())
    return provider.token(subject, groups=list(groups), iat=moment, exp=moment + 900)


async def test_where_groups_say_who_may_come_in_a_key_outlives_no_membership(
    gateway: Gateway, clock: Clock, provider: Provider
) -> None:
    async with with_oidc(gateway, clock, user_groups=["people"]) as running:
        assert await works(running, token_of(provider, clock, "ada", "people"))
        key = await key_of(running, token_of(provider, clock, "ada", "people"))
        clock.turn(days=6.9)
        assert (await me(running, key))["role"] == "user"
        clock.turn(days=1.1)
        answer = await ask(running, "GET", "/me", key)
        assert answer.status_code == 401
        assert "sign in there once more" in answer.json()["error"]
        await me(running, token_of(provider, clock, "ada", "people"))
        assert await works(running, key)
    async with with_oidc(gateway, clock, user_groups=["others"]) as running:
        assert not await works(running, key)
    async with with_oidc(gateway, clock) as running:
        clock.turn(days=8)
        assert (await me(running, key))["role"] == "user"


async def test_a_token_that_names_no_membership_ends_what_the_one_before_gave(
    gateway: Gateway, clock: Clock, provider: Provider
) -> None:
    root = token_of(provider, clock, "root", "ops")
    async with with_oidc(gateway, clock, user_groups=["people"]) as running:
        key = await key_of(running, token_of(provider, clock, "ada", "ops"))
        assert (await me(running, key))["role"] == "admin"
        for subject in ("ada", "ada", "stranger"):
            answer = await ask(running, "GET", "/me", token_of(provider, clock, subject, "gone"))
            assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")
        clock.turn(seconds=10)  # what was found of the key before is looked up anew
        assert (await ask(running, "GET", "/me", key)).status_code == 401
        shown = (await running.client.get("/admin/users", headers=bearer(root))).json()["users"]
        assert {(one["email"], one["role"], *one["groups"]) for one in shown} == {
            ("root@example.com", "admin", "ops"),
            ("ada@example.com", "user", "gone"),
        }


async def test_admins_see_groups_and_leave_the_role_to_the_provider(
    gateway: Gateway, provider: Provider
) -> None:
    root = provider.token("root", groups=["ops"])
    ada = (await me(gateway, provider.token("ada", groups=["b", "a"])))["id"]
    place = f"/admin/users/{ada}"
    shown = (await gateway.client.get(place, headers=bearer(root))).json()
    assert (shown["provider"], shown["groups"]) == (provider.issuer, ["a", "b"])
    for body, status in (
        ({"role": "admin"}, 409),
        ({"role": "user"}, 200),
        ({"disabled": True}, 200),
    ):
        answer = await gateway.client.patch(place, headers=bearer(root), json=body)
        assert answer.status_code == status
    assert (await ask(gateway, "GET", "/me", provider.token("ada"))).status_code == 401


async def test_a_disabled_user_is_out_whatever_the_provider_says(
    gateway: Gateway, clock: Clock, provider: Provider
) -> None:
    token = provider.token("ada")
    user = await me(gateway, token)
    await change_user(gateway, user["id"], disabled_at=clock())
    clock.turn(seconds=5)
    assert not await works(gateway, token)
    assert not await works(gateway, provider.token("ada", groups=["ops"]))


async def test_the_providers_new_keys_are_found_and_old_ones_forgotten(
    gateway: Gateway, clock: Clock, provider: Provider
) -> None:
    old = provider.token("ada")
    assert await works(gateway, old)
    provider.add_key("second", kind="ES256")
    clock.turn(seconds=11)  # so often the provider is asked for keys that are not known
    assert await works(gateway, provider.token("ada"))
    provider.withdraw_key("first")
    clock.turn(seconds=601)
    assert not await works(gateway, provider.token("ada", key_id="first"))
    assert await works(gateway, provider.token("ada", key_id="second"))


async def test_strangers_keys_do_not_make_the_provider_busy(
    gateway: Gateway, clock: Clock, provider: Provider
) -> None:
    assert await works(gateway, provider.token("ada"))
    asked = len(provider.asked)
    for number in range(20):
        provider.add_key(f"stranger-{number}", kind="ES256", published=False)
        assert not await works(gateway, provider.token("ada"))
    assert len(provider.asked) == asked
    clock.turn(seconds=11)
    for number in range(20):
        assert not await works(gateway, provider.token("ada", key_id=f"stranger-{number}"))
    assert len(provider.asked) == asked + 2  # where the keys are, and the keys


async def test_while_the_provider_is_away_known_keys_are_good_for_an_hour(
    gateway: Gateway, clock: Clock, provider: Provider
) -> None:
    token = provider.token("ada", exp=2**33)
    assert await works(gateway, token)
    provider.is_down = True
    clock.turn(minutes=69)
    assert await works(gateway, token)
    clock.turn(minutes=2)
    answer = await ask(gateway, "GET", "/me", token)
    assert (answer.status_code, answer.json()["code"]) == (503, "BACKEND_UNAVAILABLE")
    provider.is_down = False
    clock.turn(seconds=11)
    assert await works(gateway, token)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{}",
        b"[]",
        b'{"keys": null}',
        b'{"keys": 7}',
        b'{"keys": {"kid": "first"}}',
        b'{"keys": [null, 7, "x", []]}',
        b'{"keys": [{"kid": "first", "kty": ["RSA"]}]}',
        b'{"keys": [{"kid": "first", "kty": "RSA", "n": 7, "e": null}]}',
        b'{"keys": [{"kid": "first", "kty": "EC", "crv": {}, "alg": ["ES256"]}]}',
        b'{"keys": ' + b"[" * 100_000,
    ],
    ids=lambda body: body[:60].decode(),
)
async def test_a_provider_that_lists_no_keys_is_told_as_away(
    gateway: Gateway, clock: Clock, provider: Provider, body: bytes
) -> None:
    provider.keys_body = body
    answer = await ask(gateway, "GET", "/me", provider.token())
    assert (answer.status_code, answer.json()["code"]) == (503, "BACKEND_UNAVAILABLE")
    provider.keys_body = None
    clock.turn(seconds=11)
    assert await works(gateway, provider.token())


async def test_a_key_that_is_none_does_not_spoil_the_others(
    gateway: Gateway, provider: Provider
) -> None:
    odd = [None, {"kid": "odd", "kty": {}}, {"kid": "odd", "kty": "RSA", "alg": ["RS256"]}]
    provider.keys_body = json.dumps({"keys": odd + provider.published}).encode()
    assert await works(gateway, provider.token())


async def test_another_issuers_configuration_is_not_taken(
    gateway: Gateway, clock: Clock, provider: Provider
) -> None:
    provider.claims_issuer = "https://other.example"
    async with with_oidc(gateway, clock) as running:
        assert (await ask(running, "GET", "/me", provider.token())).status_code == 503
    async with with_oidc(gateway, clock, jwks_url=f"{provider.issuer}/keys") as running:
        assert await works(running, provider.token())


async def test_a_provider_that_does_not_answer_costs_its_time_limit(
    gateway: Gateway, clock: Clock, provider: Provider
) -> None:
    """The address of a port that accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silents = f"http://127.0.0.1:{silent.getsockname()[1]}/keys"
        async with with_oidc(gateway, clock, jwks_url=silents, timeout_seconds=0.2) as running:
            assert (await ask(running, "GET", "/me", provider.token())).status_code == 503
            assert (await ask(running, "GET", "/me")).status_code == 401


async def test_provided_users_have_no_password_and_may_have_keys(
    gateway: Gateway, provider: Provider
) -> None:
    token = provider.token("ada")
    made = (await ask(gateway, "POST", "/api-keys", token, {"name": "x"})).json()
    assert await works(gateway, made["key"])
    body = {"password": "correct horse", "currentPassword": "x"}
    assert (await ask(gateway, "PATCH", "/me", token, body)).status_code == 400
    assert (await ask(gateway, "POST", "/logout", token)).status_code == 403
