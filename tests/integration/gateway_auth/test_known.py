"""What is found of a token is kept for a while: how often it is looked for, what is not kept."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import event

from moorage_gateway.auth.authenticator import Authenticator
from moorage_gateway.errors import Unauthorized
from moorage_testing.accounts import Clock, User, add_user, bearer
from moorage_testing.gateway import Gateway


def authenticator_of(gateway: Gateway) -> Authenticator:
    assert gateway.context.logins is not None
    return gateway.context.logins.authenticator


def whose(user: User) -> str:
    return bearer(user.access_token)["Authorization"]


class Looks:
    """Counts how often a gateway looks for a sign-in, and does something each time it has."""

    def __init__(self, gateway: Gateway) -> None:
        self.count = 0
        self.then: Any = lambda: None
        event.listen(gateway.context.engine.sync_engine, "after_cursor_execute", self._note)

    def _note(self, _connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "sign_ins" in statement and statement.startswith("SELECT"):
            self.count += 1
            self.then()


async def test_of_many_at_once_one_looks(gateway: Gateway, clock: Clock) -> None:
    user = await add_user(gateway, "ada")
    authenticator, looks = authenticator_of(gateway), Looks(gateway)
    for rounds in (1, 2):
        found = await asyncio.gather(*(authenticator.authenticate(whose(user)) for _ in range(20)))
        assert {principal.user_id for principal in found} == {found[0].user_id}
        assert looks.count == rounds
        clock.turn(seconds=10)


async def test_one_that_goes_away_leaves_it_to_the_next(gateway: Gateway) -> None:
    user = await add_user(gateway, "ada")
    authenticator = authenticator_of(gateway)
    first, second = (asyncio.create_task(authenticator.authenticate(whose(user))) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).role == "user"
    assert (await asyncio.gather(first, return_exceptions=True))[0].__class__ is (
        asyncio.CancelledError
    )


async def test_what_was_found_before_a_change_is_not_kept(gateway: Gateway) -> None:
    user = await add_user(gateway, "ada")
    authenticator, looks = authenticator_of(gateway), Looks(gateway)
    user_id = (await authenticator.authenticate(whose(user))).user_id
    authenticator.forget(user_id)
    looks.then = lambda: authenticator.forget(user_id)  # signed out while it is looked for
    await authenticator.authenticate(whose(user))
    looks.then = lambda: None
    before = looks.count
    await authenticator.authenticate(whose(user))
    assert looks.count == before + 1


async def test_where_the_first_fails_the_others_do_not_queue(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a database that does not answer, each would wait out the time limits of all before."""
    authenticator, all_others = authenticator_of(gateway), asyncio.Barrier(19)
    looks = 0

    async def fail(*_: object) -> None:
        nonlocal looks
        looks += 1
        await (asyncio.sleep(0) if looks == 1 else all_others.wait())
        raise Unauthorized

    monkeypatch.setattr(authenticator, "_find", fail)
    async with asyncio.timeout(5):
        told = await asyncio.gather(
            *(authenticator.authenticate("Bearer x") for _ in range(20)), return_exceptions=True
        )
    assert [type(each) for each in told] == [Unauthorized] * 20
