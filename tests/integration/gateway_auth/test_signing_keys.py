"""Signing keys: rotated without a sign-out, agreed on by replicas, lost with the login secret."""

from datetime import timedelta

import jwt
from pydantic import SecretStr
from sqlalchemy import select

from moorage_gateway.db.tables import signing_keys
from moorage_testing.accounts import Clock, add_user, refresh, works
from moorage_testing.gateway import Gateway, running_gateway


def key_id(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


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


async def test_another_login_secret_refuses_old_tokens_unless_it_is_named(
    gateway: Gateway, clock: Clock
) -> None:
    user, settings = await add_user(gateway, "ada"), gateway.context.settings
    for previous, good in ((None, False), (settings.login.secret, True)):
        changed = {"secret": SecretStr("y" * 40), "previous_secret": previous}
        login = settings.login.model_copy(update=changed)
        other = settings.model_copy(update={"login": login})
        async with running_gateway(other, clock=clock) as running:
            assert await works(running, user.access_token) is good
            fresh = (await refresh(running, user.refresh_token)).json()
            assert await works(running, fresh["accessToken"])
            clock.turn(seconds=2)  # so often a process looks for ids that it does not know
            assert not await works(gateway, fresh["accessToken"])
            user = type(user)(user.id, user.access_token, fresh["refreshToken"])


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
