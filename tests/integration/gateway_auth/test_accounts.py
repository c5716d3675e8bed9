"""Accounts as their users have them: on both databases, with one replica and with two."""

import asyncio

import bcrypt
import pytest
from sqlalchemy import select

from moorage_gateway.db.tables import refresh_tokens, users
from moorage_testing.accounts import (
    PASSWORD,
    Clock,
    add_user,
    ask,
    change_user,
    refresh,
    register,
    works,
)
from moorage_testing.gateway import Gateway, retention_of, running_gateway


async def login(gateway: Gateway, email: str, password: str) -> tuple[int, dict[str, str]]:
    answer = await ask(gateway, "POST", "/login", body={"email": email, "password": password})
    return answer.status_code, answer.json()


async def test_a_registered_user_logs_in_and_is_known(gateway: Gateway) -> None:
    made = await register(gateway, "Ada@Example.com", name="Ada")
    user = made["user"]
    assert set(user) == {"id", "email", "name", "role", "createdAt", "updatedAt"}
    assert (user["email"], user["name"], user["role"]) == ("ada@example.com", "Ada", "user")
    status, again = await login(gateway, " ADA@example.COM", PASSWORD)
    assert status == 200
    for pair in (made, again):
        assert pair["expiresIn"] == 900
        answer = await ask(gateway, "GET", "/me", pair["accessToken"])
        assert answer.json() == user
    assert made["refreshToken"] != again["refreshToken"]


async def test_an_address_is_one_account(gateway: Gateway, replica: Gateway) -> None:
    body = {"email": "ada@example.com", "password": PASSWORD}
    answers = await asyncio.gather(
        *(ask(either, "POST", "/register", body=body) for either in (gateway, replica) * 2)
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert {answer.json().get("code") for answer in answers} == {None, "CONFLICT"}


async def test_a_refused_login_does_not_say_what_is_wrong(gateway: Gateway) -> None:
    user = (await register(gateway))["user"]
    wrong_password = await login(gateway, "ada@example.com", "wrong")
    wrong_address = await login(gateway, "bob@example.com", PASSWORD)
    await change_user(gateway, user["id"], disabled_at=gateway.context.clock())
    disabled = await login(gateway, "ada@example.com", PASSWORD)
    assert wrong_password == wrong_address == disabled
    assert (wrong_password[0], wrong_password[1]["code"]) == (401, "UNAUTHORIZED")


async def test_closed_registration(gateway: Gateway, clock: Clock) -> None:
    settings = gateway.context.settings
    closed = settings.model_copy(
        update={"login": settings.login.model_copy(update={"registration": "closed"})}
    )
    async with running_gateway(closed, clock=clock) as running:
        body = {"email": "ada@example.com", "password": PASSWORD}
        answer = await ask(running, "POST", "/register", body=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")


@pytest.mark.parametrize(
    "password", ["correct horse", "pass wörd " + "x" * 100], ids=["short", "beyond 72 bytes"]
)
async def test_a_bcrypt_hash_is_accepted_and_replaced(gateway: Gateway, password: str) -> None:
    user = await add_user(gateway, "ada")
    old = bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4)).decode()
    await change_user(gateway, user.id, password_hash=old)
    assert (await login(gateway, "ada@example.com", password + "x" * 80))[0] == (
        401 if len(password) < 72 else 200
    )
    await change_user(gateway, user.id, password_hash=old)
    assert (await login(gateway, "ada@example.com", password))[0] == 200
    assert (await stored_hash(gateway)).startswith("$argon2id$")
    assert (await login(gateway, "ada@example.com", password))[0] == 200
    assert (await login(gateway, "ada@example.com", password + "x"))[0] == 401


async def stored_hash(gateway: Gateway) -> str:
    async with gateway.context.engine.connect() as connection:
        return str(await connection.scalar(select(users.c.password_hash)))


async def test_an_access_token_expires_and_a_refresh_goes_on(
    gateway: Gateway, clock: Clock
) -> None:
    pair = await register(gateway)
    clock.turn(minutes=14)
    assert await works(gateway, pair["accessToken"])
    clock.turn(minutes=1)
    assert not await works(gateway, pair["accessToken"])
    fresh = (await refresh(gateway, pair["refreshToken"])).json()
    assert set(fresh) == set(pair)
    assert fresh["user"] == pair["user"]
    assert await works(gateway, fresh["accessToken"])


async def test_a_sign_in_that_is_not_refreshed_ends(gateway: Gateway, clock: Clock) -> None:
    pair = await register(gateway)
    for _ in range(3):
        clock.turn(days=29)
        pair = (await refresh(gateway, pair["refreshToken"])).json()
    clock.turn(days=30)
    answer = await refresh(gateway, pair["refreshToken"])
    assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHORIZED")


async def test_a_refresh_token_that_comes_again_ends_the_sign_in(
    gateway: Gateway, replica: Gateway, clock: Clock
) -> None:
    stolen = await register(gateway)
    other = (await login(gateway, "ada@example.com", PASSWORD))[1]
    thiefs = (await refresh(replica, stolen["refreshToken"])).json()
    assert await works(replica, thiefs["accessToken"])
    assert (await refresh(gateway, stolen["refreshToken"])).status_code == 401
    assert (await refresh(replica, thiefs["refreshToken"])).status_code == 401
    assert not await works(gateway, thiefs["accessToken"])
    clock.turn(seconds=5)  # so long may another replica go on with what it found
    assert not await works(replica, thiefs["accessToken"])
    assert await works(gateway, other["accessToken"])  # another sign-in stands
    logged = [*gateway.logs, *replica.logs]
    warning = next(line for line in logged if line.get("action") == "sign_in.reuse")
    assert stolen["refreshToken"] not in str(warning)


async def test_of_many_uses_at_once_on_two_replicas_one_wins_and_the_sign_in_ends(
    gateway: Gateway, replica: Gateway
) -> None:
    for number in range(5):
        pair = await register(gateway, f"user-{number}@example.com")
        answers = await asyncio.gather(
            *(refresh(either, pair["refreshToken"]) for either in (gateway, replica) * 4)
        )
        won = [answer.json() for answer in answers if answer.status_code == 200]
        assert sorted(answer.status_code for answer in answers) == [200, *[401] * 7]
        assert (await refresh(gateway, won[0]["refreshToken"])).status_code == 401


@pytest.mark.parametrize("token", ["", "x", "mr_unknown", "mr_" + "x" * 300])
async def test_what_is_no_refresh_token_is_refused(gateway: Gateway, token: str) -> None:
    status = (await refresh(gateway, token)).status_code
    assert status == (401 if 0 < len(token) <= 256 else 400)


async def test_logout_ends_this_sign_in_and_no_other(gateway: Gateway) -> None:
    first = await register(gateway)
    second = (await login(gateway, "ada@example.com", PASSWORD))[1]
    answer = await ask(gateway, "POST", "/logout", first["accessToken"])
    assert answer.json() == {"success": True}
    assert answer.headers["Cache-Control"] == "no-store"
    assert not await works(gateway, first["accessToken"])
    assert (await refresh(gateway, first["refreshToken"])).status_code == 401
    assert await works(gateway, second["accessToken"])


async def test_logout_by_refresh_token_needs_no_access_token(
    gateway: Gateway, clock: Clock
) -> None:
    pair = await register(gateway)
    clock.turn(hours=1)
    for _ in range(2):  # again changes nothing
        body = {"refreshToken": pair["refreshToken"]}
        assert (await ask(gateway, "POST", "/logout", body=body)).status_code == 200
    assert (await refresh(gateway, pair["refreshToken"])).status_code == 401
    assert (await ask(gateway, "POST", "/logout")).status_code == 401
    assert (await ask(gateway, "POST", "/logout", pair["accessToken"])).status_code == 401


async def test_sign_out_everywhere(gateway: Gateway, replica: Gateway, clock: Clock) -> None:
    pairs = [await register(gateway)]
    pairs += [(await login(replica, "ada@example.com", PASSWORD))[1] for _ in range(2)]
    bob = await register(gateway, "bob@example.com")
    for pair in pairs:
        assert await works(replica, pair["accessToken"])
    body = {"everywhere": True}
    assert (await ask(gateway, "POST", "/logout", pairs[0]["accessToken"], body)).is_success
    clock.turn(seconds=5)
    for pair in pairs:
        for either in (gateway, replica):
            assert not await works(either, pair["accessToken"])
            assert (await refresh(either, pair["refreshToken"])).status_code == 401
    assert await works(replica, bob["accessToken"])


async def test_a_new_password_ends_all_other_sign_ins(gateway: Gateway) -> None:
    own = await register(gateway)
    other = (await login(gateway, "ada@example.com", PASSWORD))[1]
    body = {"password": "another one", "currentPassword": "wrong"}
    refused = await ask(gateway, "PATCH", "/me", own["accessToken"], body)
    assert (refused.status_code, refused.json()["details"][0]["path"]) == (400, "currentPassword")
    body["currentPassword"] = PASSWORD
    answer = await ask(gateway, "PATCH", "/me", own["accessToken"], body | {"name": "Countess"})
    assert answer.json()["name"] == "Countess"
    assert await works(gateway, own["accessToken"])
    assert not await works(gateway, other["accessToken"])
    assert (await login(gateway, "ada@example.com", PASSWORD))[0] == 401
    assert (await login(gateway, "ada@example.com", "another one"))[0] == 200


async def test_a_disabled_user_is_out(gateway: Gateway, clock: Clock) -> None:
    pair = await register(gateway)
    assert await works(gateway, pair["accessToken"])
    await change_user(gateway, pair["user"]["id"], disabled_at=clock())
    clock.turn(seconds=5)
    assert not await works(gateway, pair["accessToken"])
    assert (await refresh(gateway, pair["refreshToken"])).status_code == 401


async def test_what_is_over_is_removed_and_what_stands_is_kept(
    gateway: Gateway, clock: Clock
) -> None:
    retention = retention_of(gateway)
    ended, stands = await add_user(gateway, "ended"), await add_user(gateway, "stands")
    assert (await ask(gateway, "POST", "/logout", ended.access_token)).is_success
    assert await retention.once() == {}
    clock.turn(days=1)
    assert await retention.once() == {"sign_ins": 1}
    token = stands.refresh_token
    for days in (28, 29):
        clock.turn(days=days)
        token = (await refresh(gateway, token)).json()["refreshToken"]
        assert await retention.once() == {}
    async with gateway.context.engine.connect() as connection:
        kept = (await connection.scalars(select(refresh_tokens.c.digest))).all()
    assert len(kept) == 3  # the good one, and those whose second use would tell of a theft
    clock.turn(days=1)
    assert await retention.once() == {"refresh_tokens": 1}
    async with gateway.context.engine.connect() as connection:
        kept = (await connection.scalars(select(refresh_tokens.c.digest))).all()
    assert len(kept) == 2
    clock.turn(days=29)
    assert await retention.once() == {"sign_ins": 1}
    async with gateway.context.engine.connect() as connection:
        assert (await connection.scalars(select(refresh_tokens.c.digest))).all() == []


async def test_nothing_secret_is_logged_or_told(gateway: Gateway) -> None:
    pair = await register(gateway)
    await login(gateway, "ada@example.com", "wrong-password")
    await refresh(gateway, pair["refreshToken"])
    told = str(gateway.logs)
    for secret in (PASSWORD, "wrong-password", pair["accessToken"], pair["refreshToken"]):
        assert secret not in told
    short = {"email": "x@example.com", "password": "geheim"}
    answer = await ask(gateway, "POST", "/register", body=short)
    assert answer.status_code == 400
    assert "geheim" not in answer.text


async def test_with_auth_none_there_are_no_accounts(gateway: Gateway, clock: Clock) -> None:
    settings = gateway.context.settings.model_copy(update={"auth": "none"})
    async with running_gateway(settings, clock=clock) as running:
        assert (await ask(running, "GET", "/me")).json()["role"] == "admin"
        body = {"email": "ada@example.com", "password": PASSWORD}
        for path in ("/register", "/login"):
            answer = await ask(running, "POST", path, body=body)
            assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")
        assert (await ask(running, "GET", "/api-keys")).status_code == 403
