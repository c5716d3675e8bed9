"""API keys: shown once, stored as digests, good until deleted or expired; one's own alone."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from moorage_gateway.db.tables import api_keys
from moorage_testing.accounts import Clock, User, add_user, ask, works
from moorage_testing.gateway import Gateway, running_gateway


@pytest.fixture
async def ada(gateway: Gateway) -> User:
    return await add_user(gateway, "ada")


async def make(gateway: Gateway, user: User, **fields: Any) -> Any:
    body = {"name": "nightly"} | fields
    answer = await ask(gateway, "POST", "/api-keys", user.access_token, body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_key_is_shown_once_and_stored_as_a_digest(gateway: Gateway, ada: User) -> None:
    made = await make(gateway, ada)
    assert made["key"].startswith("mk_")
    assert made["key"].startswith(made["prefix"])
    listed = (await ask(gateway, "GET", "/api-keys", ada.access_token)).json()
    assert listed == {
        "apiKeys": [{name: value for name, value in made.items() if name != "key"}],
        "total": 1,
    }
    async with gateway.context.engine.connect() as connection:
        row = (await connection.execute(select(api_keys))).mappings().one()
    assert made["key"] not in str(dict(row))
    assert made["key"] not in str(gateway.logs)


async def test_a_key_works_until_it_is_deleted(
    gateway: Gateway, replica: Gateway, ada: User, clock: Clock
) -> None:
    made = await make(gateway, ada)
    for either in (gateway, replica):
        answer = await ask(either, "GET", "/me", made["key"])
        assert answer.json()["id"] == ada.id
    path = f"/api-keys/{made['id']}"
    assert (await ask(gateway, "DELETE", path, ada.access_token)).json() == {"success": True}
    assert not await works(gateway, made["key"])
    clock.turn(seconds=5)
    assert not await works(replica, made["key"])
    assert (await ask(gateway, "DELETE", path, ada.access_token)).status_code == 404


async def test_a_key_with_an_end_ends(gateway: Gateway, ada: User, clock: Clock) -> None:
    made = await make(gateway, ada, expiresInDays=2)
    clock.turn(days=2, seconds=-1)
    assert await works(gateway, made["key"])
    clock.turn(seconds=1)
    assert not await works(gateway, made["key"])


async def test_use_is_noted_to_the_minute(gateway: Gateway, ada: User, clock: Clock) -> None:
    made = await make(gateway, ada)
    assert made["lastUsedAt"] is None

    async def last_used() -> Any:
        path = f"/api-keys/{made['id']}"
        return (await ask(gateway, "GET", path, ada.access_token)).json()["lastUsedAt"]

    await works(gateway, made["key"])
    first = await last_used()
    clock.turn(seconds=30)
    await works(gateway, made["key"])
    assert await last_used() == first
    clock.turn(seconds=40)
    await works(gateway, made["key"])
    assert await last_used() > first


async def test_a_key_is_renamed(gateway: Gateway, ada: User) -> None:
    made = await make(gateway, ada)
    path = f"/api-keys/{made['id']}"
    answer = await ask(gateway, "PATCH", path, ada.access_token, {"name": "weekly"})
    assert answer.json()["name"] == "weekly"


async def test_anothers_key_does_not_exist(gateway: Gateway, ada: User) -> None:
    made, bob = await make(gateway, ada), await add_user(gateway, "bob")
    path = f"/api-keys/{made['id']}"
    for method, body in (("GET", None), ("PATCH", {"name": "x"}), ("DELETE", None)):
        answer = await ask(gateway, method, path, bob.access_token, body)
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
    assert (await ask(gateway, "GET", "/api-keys", bob.access_token)).json()["total"] == 0
    assert await works(gateway, made["key"])


async def test_a_sign_out_everywhere_leaves_keys(gateway: Gateway, ada: User) -> None:
    made = await make(gateway, ada)
    assert (
        await ask(gateway, "POST", "/logout", ada.access_token, {"everywhere": True})
    ).is_success
    assert not await works(gateway, ada.access_token)
    assert await works(gateway, made["key"])


async def test_there_are_never_more_than_may_be(gateway: Gateway, clock: Clock) -> None:
    settings = gateway.context.settings
    two = settings.model_copy(
        update={"login": settings.login.model_copy(update={"max_api_keys": 2})}
    )
    async with running_gateway(two, clock=clock) as running:
        ada = await add_user(running, "ada")
        body = {"name": "x"}
        answers = await asyncio.gather(
            *(ask(running, "POST", "/api-keys", ada.access_token, body) for _ in range(5))
        )
        assert sorted(answer.status_code for answer in answers) == [201, 201, 409, 409, 409]
