"""What admins do with users: list, disable, enable, change roles; and who is left to do it."""

import asyncio
from pathlib import Path
from typing import Any

import httpx2
import pytest

from moorage_api.resources import Phase
from moorage_gateway.live.standing import StreamGuard
from moorage_testing.accounts import (
    Clock,
    User,
    accounts_settings,
    add_user,
    ask,
    bearer,
    refresh,
    register,
    works,
)
from moorage_testing.gateway import REPOSITORY, Gateway, running_gateway
from moorage_testing.redis import RedisServer

PATH = "/admin/users"


@pytest.fixture
async def admin(gateway: Gateway) -> User:
    return await add_user(gateway, "admin", role="admin")


async def get(gateway: Gateway, by: User, path: str = "", **query: Any) -> Any:
    headers = bearer(by.access_token)
    answer = await gateway.client.get(f"{PATH}{path}", headers=headers, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def patch(gateway: Gateway, by: User, user_id: str, **body: Any) -> httpx2.Response:
    headers = bearer(by.access_token)
    return await gateway.client.patch(f"{PATH}/{user_id}", headers=headers, json=body)


async def test_users_are_listed_by_pages_and_found(
    gateway: Gateway, admin: User, clock: Clock
) -> None:
    names = ["ada", "bob", "100%_real"]
    users = {}
    for name in names:
        clock.turn(seconds=1)
        users[name] = await add_user(gateway, name)
    page = await get(gateway, admin, limit=2, offset=1)
    assert (page["total"], page["limit"], page["offset"]) == (4, 2, 1)
    assert [user["id"] for user in page["users"]] == [users["bob"].id, users["ada"].id]
    assert (await patch(gateway, admin, users["bob"].id, disabled=True)).is_success

    async def ids(**query: Any) -> list[str]:
        return [user["id"] for user in (await get(gateway, admin, **query))["users"]]

    assert await ids(q="ADA@") == [users["ada"].id]
    assert await ids(q="%_") == [users["100%_real"].id]
    assert await ids(role="admin") == [admin.id]
    assert await ids(state="disabled") == [users["bob"].id]
    assert await ids(state="enabled", role="user") == [users["100%_real"].id, users["ada"].id]
    one = await get(gateway, admin, f"/{users['ada'].id}")
    assert (one["email"], one["role"], one["provider"]) == ("ada@example.com", "user", None)
    assert (one["groups"], one["groupsAt"], one["disabledAt"]) == ([], None, None)
    assert not {"password_hash", "passwordHash"} & one.keys()


async def test_whoever_is_disabled_is_out_at_once_and_may_come_back(
    gateway: Gateway, replica: Gateway, admin: User, clock: Clock
) -> None:
    ada = await register(gateway)
    token, user_id = ada["accessToken"], ada["user"]["id"]
    key = (await ask(gateway, "POST", "/api-keys", token, {"name": "x"})).json()["key"]
    assert await works(replica, token)
    answer = await patch(gateway, admin, user_id, disabled=True)
    assert answer.json()["disabledAt"] is not None
    assert not await works(gateway, token)
    assert not await works(gateway, key)
    clock.turn(seconds=5)
    assert not await works(replica, token)
    assert (await refresh(gateway, ada["refreshToken"])).status_code == 401
    login = {"email": "ada@example.com", "password": "correct horse battery"}
    assert (await ask(gateway, "POST", "/login", body=login)).status_code == 401

    again = await patch(gateway, admin, user_id, disabled=False)
    assert again.json()["disabledAt"] is None
    assert await works(gateway, key)
    assert not await works(gateway, token)  # signed out is signed out
    assert (await ask(gateway, "POST", "/login", body=login)).status_code == 200


class Held:
    """A stream."""

    def __init__(self, principal: Any) -> None:
        self.principal = principal
        self.reasons: list[str] = []

    def end(self, reason: str) -> None:
        self.reasons.append(reason)


async def test_streams_of_a_disabled_user_end(gateway: Gateway, admin: User, clock: Clock) -> None:
    ada, hub = await add_user(gateway, "ada"), gateway.context.hub
    assert gateway.context.logins is not None
    authenticator = gateway.context.logins.authenticator
    stream: Any = Held(await authenticator.authenticate(f"Bearer {ada.access_token}"))
    hub.clients.add(stream)
    oidc = gateway.context.settings.oidc
    guard = StreamGuard(hub, gateway.context.engine, clock, 1, oidc)
    await guard.once()
    assert stream.reasons == []
    assert (await patch(gateway, admin, ada.id, disabled=True)).is_success
    await guard.once()
    hub.clients.discard(stream)
    assert set(stream.reasons) == {"signed_out"}


async def test_sessions_of_a_disabled_user_are_suspended(gateway: Gateway, admin: User) -> None:
    ada, bob = await add_user(gateway, "ada"), await add_user(gateway, "bob")

    async def session_of(user: User) -> str:
        answer = await gateway.client.post(
            "/sessions", json={"projectPath": REPOSITORY}, headers=bearer(user.access_token)
        )
        session_id: str = answer.json()["id"]
        return session_id

    running, ended, others = await session_of(ada), await session_of(ada), await session_of(bob)
    gateway.backend.stand(ended, phase=Phase.SUCCEEDED)
    gateway.backend.away = True
    answer = await patch(gateway, admin, ada.id, disabled=True)
    # The backend is away: they are out, and it is told that something is left to do.
    assert (answer.status_code, answer.json()["code"]) == (503, "BACKEND_UNAVAILABLE")
    assert not await works(gateway, ada.access_token)
    gateway.backend.away = False
    assert (await patch(gateway, admin, ada.id, disabled=True)).is_success
    suspended = {
        session_id: gateway.backend.get(session_id).spec.suspend
        for session_id in (running, ended, others)
    }
    assert suspended == {running: True, ended: False, others: False}
    assert (await patch(gateway, admin, ada.id, disabled=False)).is_success
    assert gateway.backend.get(running).spec.suspend


async def test_a_role_changes_at_once(gateway: Gateway, admin: User) -> None:
    ada = await add_user(gateway, "ada")
    assert (await gateway.client.get(PATH, headers=bearer(ada.access_token))).status_code == 403
    assert (await patch(gateway, admin, ada.id, role="admin")).json()["role"] == "admin"
    assert (await get(gateway, ada))["total"] == 2
    assert (await patch(gateway, ada, admin.id, role="user")).json()["role"] == "user"
    assert (await gateway.client.get(PATH, headers=bearer(admin.access_token))).status_code == 403


@pytest.mark.parametrize("body", [{"disabled": True}, {"role": "user"}])
async def test_the_last_admin_stays_one(
    gateway: Gateway, admin: User, body: dict[str, Any]
) -> None:
    other = await add_user(gateway, "other", role="admin")
    assert (await patch(gateway, admin, other.id, disabled=True)).is_success
    answer = await patch(gateway, admin, admin.id, **body)
    assert (answer.status_code, answer.json()["code"]) == (409, "CONFLICT")
    assert "last admin" in answer.json()["error"]
    assert (await get(gateway, admin))["total"] == 2
    assert (await patch(gateway, admin, other.id, disabled=False)).is_success
    assert (await patch(gateway, admin, admin.id, **body)).is_success


async def test_of_two_admins_who_disable_each_other_one_is_left(
    gateway: Gateway, replica: Gateway, admin: User
) -> None:
    other = await add_user(gateway, "other", role="admin")
    answers = await asyncio.gather(
        patch(gateway, admin, other.id, disabled=True),
        patch(replica, other, admin.id, disabled=True),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_an_admin_makes_accounts_where_registration_is_closed(
    redis_server: RedisServer, home: Path, database_url: str
) -> None:
    settings = accounts_settings(
        home, redis_server.url, database_url=database_url, login={"registration": "closed"}
    )
    async with running_gateway(settings) as gateway:
        admin = await add_user(gateway, "admin", role="admin")
        headers = bearer(admin.access_token)
        body = {"email": "Bob@example.com", "password": "to be changed"}
        answer = await gateway.client.post(PATH, json=body, headers=headers)
        assert (answer.status_code, answer.json()["role"]) == (201, "user")
        assert answer.json() == await get(gateway, admin, f"/{answer.json()['id']}")
        assert (await ask(gateway, "POST", "/login", body=body)).status_code == 200
        assert (await gateway.client.post(PATH, json=body, headers=headers)).status_code == 409
        assert (await ask(gateway, "POST", "/register", body=body)).status_code == 403
        records = await gateway.client.get(
            "/admin/audit", params={"action": "user.create"}, headers=headers
        )
        (made,) = records.json()["records"]
        assert (made["actorId"], made["objectId"]) == (admin.id, answer.json()["id"])
        assert "to be changed" not in records.text


async def test_what_is_not_there_or_not_right_is_told(gateway: Gateway, admin: User) -> None:
    assert (await patch(gateway, admin, "nobody", disabled=True)).status_code == 404
    for body in ({"role": "owner"}, {"disabled": "maybe"}, {"email": "x@example.com"}):
        assert (await patch(gateway, admin, admin.id, **body)).status_code == 400
    assert (await patch(gateway, admin, admin.id)).status_code == 200
