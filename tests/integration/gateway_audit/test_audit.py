"""What records say, who reads them, and that nobody changes them."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Executable, delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from moorage_gateway.audit.acts import Act, Action
from moorage_gateway.audit.record import record
from moorage_gateway.db.tables import audit_records, audit_retention
from moorage_testing.accounts import PASSWORD, User, add_user, ask, bearer, refresh, register
from moorage_testing.gateway import REPOSITORY, Gateway

WRONG = "not the password at all"


async def audit(gateway: Gateway, admin: User, **query: Any) -> Any:
    answer = await gateway.client.get(
        "/admin/audit", params=query, headers=bearer(admin.access_token)
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


async def actions(gateway: Gateway, admin: User, **query: Any) -> list[tuple[str, str]]:
    records = (await audit(gateway, admin, **query))["records"]
    return [(one["action"], one["outcome"]) for one in records]


async def login(gateway: Gateway, email: str, password: str) -> int:
    body = {"email": email, "password": password}
    return (await ask(gateway, "POST", "/login", body=body)).status_code


@pytest.fixture
async def admin(gateway: Gateway) -> User:
    return await add_user(gateway, "root", role="admin")


async def test_logins_are_recorded_and_refused_ones_without_what_was_given(
    gateway: Gateway, admin: User
) -> None:
    user_id = (await register(gateway))["user"]["id"]
    assert await login(gateway, "ada@example.com", PASSWORD) == 200
    assert await login(gateway, "ada@example.com", WRONG) == 401
    assert await login(gateway, "nobody@example.com", WRONG) == 401
    refused = await audit(gateway, admin, action="user.login", outcome="refused")
    assert [(one["actorId"], one["objectId"]) for one in refused["records"]] == [
        (None, ""),
        (user_id, user_id),
    ]
    assert {one["via"] for one in refused["records"]} == {"password"}
    assert await actions(gateway, admin, actor=user_id) == [
        ("user.login", "refused"),
        ("user.login", "done"),
        ("user.login", "done"),
        ("user.register", "done"),
    ]
    everything = str(await audit(gateway, admin)) + str(gateway.logs)
    for secret in (PASSWORD, WRONG, "nobody@example.com", admin.access_token):
        assert secret not in everything


async def test_a_wrong_present_password_and_a_reused_token_are_recorded(
    gateway: Gateway, admin: User
) -> None:
    pair = await register(gateway)
    user_id, token = pair["user"]["id"], pair["accessToken"]
    change = {"password": "another horse", "currentPassword": WRONG}
    assert (await ask(gateway, "PATCH", "/me", token, change)).status_code == 400
    right = change | {"currentPassword": PASSWORD}
    assert (await ask(gateway, "PATCH", "/me", token, right)).is_success
    assert (await refresh(gateway, pair["refreshToken"])).is_success
    assert (await refresh(gateway, pair["refreshToken"])).status_code == 401
    body = {"everywhere": True, "refreshToken": pair["refreshToken"]}
    await login(gateway, "ada@example.com", "another horse")
    assert (await ask(gateway, "POST", "/logout", body=body)).is_success
    assert (await actions(gateway, admin, actor=user_id))[:-2] == [
        ("user.logout", "done"),
        ("user.login", "done"),
        ("sign_in.reuse", "refused"),
        ("user.password", "done"),
        ("user.password", "refused"),
    ]


async def test_what_is_not_allowed_is_recorded_with_its_route(
    gateway: Gateway, admin: User
) -> None:
    other = await add_user(gateway, "other")
    headers = bearer(other.access_token) | {"X-Request-ID": "try-1"}
    url = "https://git.example.com/team/x"
    answer = await gateway.client.post("/repositories", json={"url": url}, headers=headers)
    assert answer.status_code == 403
    assert (await gateway.client.get("/admin/audit", headers=headers)).status_code == 403
    assert (await gateway.client.get("/admin/audit")).status_code == 401  # nobody: not recorded
    found = (await audit(gateway, admin, action="request.refuse"))["records"]
    assert [(one["objectId"], one["actorId"], one["requestId"]) for one in found] == [
        ("GET /api/claude-code/admin/audit", other.id, "try-1"),
        ("POST /api/claude-code/repositories", other.id, "try-1"),
    ]


async def test_records_of_a_session_outlive_it_and_say_with_what_it_was_steered(
    gateway: Gateway, admin: User
) -> None:
    owner = await add_user(gateway, "owner")
    made = await ask(gateway, "POST", "/api-keys", owner.access_token, {"name": "script"})
    headers = bearer(made.json()["key"])
    new = await gateway.client.post("/sessions", json={"projectPath": REPOSITORY}, headers=headers)
    path = f"/sessions/{new.json()['id']}"
    words = {"content": "a word that nobody else may read"}
    assert (await gateway.client.post(f"{path}/messages", json=words, headers=headers)).is_success
    mode = {"mode": "acceptEdits"}
    assert (await gateway.client.post(f"{path}/mode", json=mode, headers=headers)).is_success
    assert (await gateway.client.delete(path, headers=bearer(admin.access_token))).is_success
    found = (await audit(gateway, admin, session=new.json()["id"]))["records"]
    shown = ("action", "outcome", "actorId", "via")
    assert [tuple(one[name] for name in shown) for one in found] == [
        ("session.delete", "asked", admin.id, "sign_in"),
        ("session.mode", "done", owner.id, "api_key"),
        ("message.send", "done", owner.id, "api_key"),
        ("session.create", "done", owner.id, "api_key"),
    ]
    asked = await audit(gateway, admin, action="session.create", outcome="asked")
    assert [one["objectId"] for one in asked["records"]] == [found[-1]["details"]["creationId"]]
    assert found[1]["details"] == mode
    assert {one["viaId"] for one in found[1:]} == {made.json()["id"]}
    assert words["content"] not in str(found) + str(gateway.logs)


async def test_pages_follow_each_other_while_records_are_added(
    gateway: Gateway, admin: User
) -> None:
    for number in range(5):
        await login(gateway, f"{number}@example.com", WRONG)
    first = await audit(gateway, admin, limit=2, action="user.login", outcome="refused")
    await login(gateway, "later@example.com", WRONG)
    seen = [one["id"] for one in first["records"]]
    after = first["nextAfter"]
    while after is not None:
        page = await audit(
            gateway, admin, limit=2, after=after, action="user.login", outcome="refused"
        )
        seen += [one["id"] for one in page["records"]]
        after = page["nextAfter"]
    assert len(seen) == 5
    assert seen == sorted(set(seen), reverse=True)
    edge = (await audit(gateway, admin, limit=1))["records"][0]["at"]
    later = (gateway.context.clock() + timedelta(hours=1)).isoformat()
    assert await actions(gateway, admin, since=later) == []
    assert (await actions(gateway, admin, until=later))[0] == ("user.login", "refused")
    wrong = await gateway.client.get(
        "/admin/audit",
        params={"since": later, "until": edge},
        headers=bearer(admin.access_token),
    )
    assert wrong.status_code == 400


async def test_nothing_changes_a_record(gateway: Gateway, admin: User) -> None:
    await login(gateway, "nobody@example.com", WRONG)
    forbidden: list[Executable] = [
        update(audit_records).values(actor_id="another"),
        delete(audit_records),
        text("DELETE FROM audit_records WHERE position > 0"),
    ]
    if gateway.context.engine.dialect.name == "postgresql":
        forbidden.append(text("TRUNCATE audit_records"))
    for statement in forbidden:
        with pytest.raises(DBAPIError, match="append-only"):
            async with gateway.context.engine.begin() as connection:
                await connection.execute(statement)
    assert await actions(gateway, admin) == [
        ("user.login", "refused"),
        ("user.login", "done"),
        ("signing_key.rotate", "done"),
    ]


async def test_only_what_a_transaction_declares_old_is_removable_in_it(
    gateway: Gateway, admin: User
) -> None:
    moment = gateway.context.clock()
    async with gateway.context.engine.begin() as connection:
        for days in (40, 20):
            act = Act(Action.QUOTA_SET, f"{days} days old")
            await record(connection, moment - timedelta(days=days), act)
    before = moment - timedelta(days=30)
    declared = insert(audit_retention).values(removable_before=before)
    async with gateway.context.engine.connect() as connection:
        await connection.execute(declared)
        with pytest.raises(DBAPIError, match="append-only"):
            await connection.execute(delete(audit_records))
        await connection.rollback()
    async with gateway.context.engine.begin() as connection:
        await connection.execute(declared)
        await connection.execute(delete(audit_records).where(audit_records.c.at < before))
        await connection.execute(delete(audit_retention))
    found = (await audit(gateway, admin, action="quota.set"))["records"]
    assert [one["objectId"] for one in found] == ["20 days old"]
    async with gateway.context.engine.connect() as connection:
        assert (await connection.execute(select(audit_retention))).all() == []


async def test_neither_row_nor_line_stays_of_what_was_rolled_back(
    gateway: Gateway, admin: User
) -> None:
    async with gateway.context.engine.connect() as connection:
        await record(connection, gateway.context.clock(), Act(Action.QUOTA_SET, "x"))
        await connection.rollback()
    await login(gateway, "nobody@example.com", WRONG)
    assert await actions(gateway, admin, action="quota.set") == []
    lines = [line for line in gateway.logs if line["event"] == "audit"]
    assert [line["action"] for line in lines] == ["signing_key.rotate", "user.login", "user.login"]
    assert lines[-1]["log_level"] == "info"
