"""Signing keys: rotated without a sign-out, agreed on by replicas, lost with the login secret."""

from datetime import timedelta

import jwt
import pytest
from pydantic import SecretStr
from sqlalchemy import select

from moorage_gateway.auth.keys import fingerprint
from moorage_gateway.db.tables import signing_keys
from moorage_gateway.settings import Settings
from moorage_testing.accounts import Clock, add_user, refresh, works
from moorage_testing.gateway import Gateway, running_gateway

NEW = "y" * 40


def key_id(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


def with_secret(gateway: Gateway, secret: str, previous: SecretStr | None = None) -> Settings:
    """Return a gateway's settings with another login secret."""
    settings = gateway.context.settings
    changed = {"secret": SecretStr(secret), "previous_secret": previous}
    login = settings.login.model_copy(update=changed)
    return settings.model_copy(update={"login": login})


async def roots(gateway: Gateway) -> dict[str, str]:
    """Return the fingerprint of the secret that each key in the table is derived from, by id."""
    async with gateway.context.engine.connect() as connection:
        rows = await connection.execute(select(signing_keys.c.id, signing_keys.c.root))
        return {row.id: row.root for row in rows}


async def rotate(gateway: Gateway, *, at_once: bool = False) -> None:
    assert gateway.context.logins is not None
    await gateway.context.logins.keys.rotate(gateway.context.clock(), at_once=at_once)


async def test_a_rotation_signs_nobody_out(
    gateway: Gateway, replica: Gateway, clock: Clock
) -> None:
    before = await add_user(gateway, "ada")
    clock.turn(minutes=1)
    await rotate(gateway)
    after = await add_user(gateway, "bob")
    assert key_id(before.access_token) != key_id(after.access_token)
    for either in (gateway, replica):  # the replica meets the new key's id and looks
        assert await works(either, before.access_token)
        assert await works(either, after.access_token)
    clock.turn(minutes=1, seconds=1)
    assert key_id((await add_user(replica, "eve")).access_token) == key_id(after.access_token)
    clock.turn(minutes=20)
    assert (await refresh(replica, before.refresh_token)).is_success
    await rotate(replica)  # the first key is over by now and removed
    async with gateway.context.engine.connect() as connection:
        ids = set((await connection.scalars(select(signing_keys.c.id))).all())
    assert key_id(before.access_token) not in ids
    assert len(ids) == 2


async def test_a_rotation_at_once_refuses_what_was_signed_before(
    gateway: Gateway, replica: Gateway, clock: Clock
) -> None:
    user = await add_user(gateway, "ada")
    assert await works(replica, user.access_token)
    await rotate(gateway, at_once=True)
    clock.turn(seconds=61)
    for either in (gateway, replica):
        assert not await works(either, user.access_token)
    assert (await refresh(replica, user.refresh_token)).is_success


async def test_another_login_secret_refuses_what_the_old_one_signed(
    gateway: Gateway, clock: Clock
) -> None:
    user = await add_user(gateway, "ada")
    async with running_gateway(with_secret(gateway, NEW), clock=clock) as running:
        assert not await works(running, user.access_token)
        fresh = (await refresh(running, user.refresh_token)).json()["accessToken"]
        assert await works(running, fresh)
        clock.turn(seconds=2)  # so often a process looks for ids that it does not know
        assert not await works(gateway, fresh)


async def test_a_new_login_secret_signs_from_its_start_and_accepts_the_one_before(
    gateway: Gateway, clock: Clock
) -> None:
    before, old = await add_user(gateway, "ada"), gateway.context.settings.login.secret
    async with running_gateway(with_secret(gateway, NEW, previous=old), clock=clock) as running:
        assert await works(running, before.access_token)
        fresh = (await refresh(running, before.refresh_token)).json()["accessToken"]
    assert (await roots(gateway))[key_id(fresh)] == fingerprint(NEW)
    async with running_gateway(with_secret(gateway, NEW), clock=clock) as running:
        assert await works(running, fresh)
        assert not await works(running, before.access_token)


@pytest.mark.parametrize("rotated", [False, True])
async def test_while_replicas_get_a_new_login_secret_each_signs_with_its_own(
    gateway: Gateway, clock: Clock, rotated: bool
) -> None:
    old = gateway.context.settings.login.secret
    async with running_gateway(with_secret(gateway, NEW, previous=old), clock=clock) as changed:
        if rotated:
            await rotate(changed)
        counts = []
        for minute in range(5):
            olds = (await add_user(gateway, f"ada{minute}")).access_token
            news = (await add_user(changed, f"bob{minute}")).access_token
            found = await roots(gateway)
            assert found[key_id(news)] == fingerprint(NEW)
            assert found[key_id(olds)] != fingerprint(NEW)
            assert await works(gateway, olds)
            assert await works(changed, olds)
            assert await works(changed, news)
            counts.append(len(found))
            clock.turn(seconds=61)  # each looks into the table anew
        assert counts[1:] == counts[1:2] * 4  # nobody makes keys because of the other's


async def test_a_rotation_at_once_also_ends_what_the_secret_before_signed(
    gateway: Gateway, clock: Clock
) -> None:
    user, old = await add_user(gateway, "ada"), gateway.context.settings.login.secret
    async with running_gateway(with_secret(gateway, NEW, previous=old), clock=clock) as changed:
        assert await works(changed, user.access_token)
        await rotate(changed, at_once=True)
        clock.turn(seconds=6)  # what was found of the token before is looked up anew
        assert not await works(changed, user.access_token)


async def test_unknown_key_ids_do_not_make_the_database_busy(
    gateway: Gateway, clock: Clock
) -> None:
    assert gateway.context.logins is not None
    keys, moment = gateway.context.logins.keys, clock()
    assert await keys.find("unknown", moment + timedelta(seconds=2)) is None
    async with gateway.context.engine.begin() as connection:
        await connection.execute(signing_keys.delete())
    await keys.find("unknown", moment + timedelta(seconds=2.5))  # does not look again
    assert (await keys.current(moment + timedelta(seconds=2.5))).id
