"""What the credential proxy notes of pushes gets into the audit, once."""

from typing import Any

from moorage_api.pushes import FIELD, PUSHES, REFUSED_PUSHES, PushNote
from moorage_gateway.audit.pushes import PushCollector
from moorage_testing.accounts import User, add_user, bearer
from moorage_testing.gateway import Gateway

NOTE = PushNote(
    session_id="session-1",
    namespace="sessions",
    owner="ada",
    repository="git.example.com/team/app",
    refs={"refs/heads/claude/fix": "c0ffee"},
    total=1,
)


async def noted(gateway: Gateway, stream: str, note: PushNote, entry_id: str = "*") -> bytes:
    """Note a push, as the proxy does; return the entry's id."""
    fields: Any = {FIELD: note.model_dump_json(by_alias=True)}
    entry: Any = await gateway.redis.xadd(stream, fields, id=entry_id)
    return bytes(entry)


async def collect(gateway: Gateway) -> int:
    return await PushCollector(gateway.redis, gateway.context.engine).collect()


async def pushes(gateway: Gateway, admin: User) -> list[Any]:
    answer = await gateway.client.get(
        "/admin/audit", params={"action": "repository.push"}, headers=bearer(admin.access_token)
    )
    found: list[Any] = answer.json()["records"]
    return found


async def test_pushes_are_recorded_with_whose_they_are_and_taken_off(gateway: Gateway) -> None:
    admin = await add_user(gateway, "root", role="admin")
    entry = (await noted(gateway, PUSHES, NOTE)).decode()
    await noted(gateway, REFUSED_PUSHES, NOTE.model_copy(update={"owner": None}))
    assert await collect(gateway) == 2
    refused, asked = await pushes(gateway, admin)
    assert (asked["outcome"], refused["outcome"]) == ("asked", "refused")
    assert (asked["actorId"], asked["via"], asked["viaId"]) == ("ada", "session", "session-1")
    assert (refused["actorId"], refused["sessionId"]) == (None, "session-1")
    assert asked["objectId"] == "git.example.com/team/app"
    assert asked["requestId"] == f"{PUSHES}:{entry}"
    assert asked["details"] == {
        "refs": "refs/heads/claude/fix=c0ffee",
        "total": 1,
        "namespace": "sessions",
    }
    assert await gateway.redis.xlen(PUSHES) == await gateway.redis.xlen(REFUSED_PUSHES) == 0
    assert await collect(gateway) == 0


async def test_what_was_recorded_before_a_run_was_cut_off_is_not_recorded_again(
    gateway: Gateway,
) -> None:
    admin = await add_user(gateway, "root", role="admin")
    entry = (await noted(gateway, PUSHES, NOTE)).decode()
    assert await collect(gateway) == 1
    await gateway.redis.delete(PUSHES)  # so that the same id can be there once more
    await noted(gateway, PUSHES, NOTE, entry)
    await noted(gateway, PUSHES, NOTE)
    assert await collect(gateway) == 1
    assert len(await pushes(gateway, admin)) == 2


async def test_many_are_recorded_and_nonsense_is_passed_over(gateway: Gateway) -> None:
    admin = await add_user(gateway, "root", role="admin")
    await gateway.redis.xadd(PUSHES, {"other": "x"})
    await gateway.redis.xadd(PUSHES, {FIELD: "{}"})
    for _ in range(201):
        await noted(gateway, PUSHES, NOTE)
    assert await collect(gateway) == 201
    assert await gateway.redis.xlen(PUSHES) == 0
    assert len(await pushes(gateway, admin)) == 100  # a page
