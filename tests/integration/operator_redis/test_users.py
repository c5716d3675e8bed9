"""The sessions' users in a real Redis: their own keys, the runner's commands, and nothing else."""

from collections.abc import Iterator

import pytest
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, RedisError

from moorage_api.keys import FINISHED_TTL_SECONDS, INBOX_GROUP, SessionKeys
from moorage_api.redis_client import make_redis
from moorage_operator.redis_users import RedisUsers
from moorage_testing.limited import limited_subject
from moorage_testing.redis import RedisServer, running_redis


@pytest.fixture(scope="module", params=["6.2", "7"])
def server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    with running_redis(seven=request.param == "7") as running:
        yield running


async def test_its_own_keys_are_open_to_it(session: tuple[str, Redis]) -> None:
    session_id, redis = session
    keys = SessionKeys(session_id)
    await redis.xadd(keys.events, {"event": b"{}"})
    await redis.hset(keys.state, mapping={"state": b"{}", "heartbeat": "1"})
    await redis.publish(keys.notify, "state")
    await redis.xgroup_create(keys.inbox, INBOX_GROUP, id="0", mkstream=True)
    await redis.xreadgroup(INBOX_GROUP, "runner", {keys.inbox: ">"}, count=1)
    await redis.xrevrange(keys.inbox, count=1)
    await redis.xpending_range(keys.inbox, INBOX_GROUP, min="-", max="+", count=1)
    await redis.xinfo_groups(keys.inbox)
    await redis.xack(keys.inbox, INBOX_GROUP, "1-0")
    await redis.xread({keys.rpc: "0-0"})
    await redis.xdel(keys.rpc, "1-0")
    await redis.xadd(keys.dead, {"reason": b"x"})
    await redis.rpush(keys.reply("7"), b"x")
    await redis.expire(keys.reply("7"), 60)
    assert await redis.xrange(keys.events)
    assert await redis.hgetall(keys.state)


_OTHER = SessionKeys("another")
REFUSED = {
    "another's events": ("XADD", _OTHER.events, "*", "a", "b"),
    "another's inbox": ("XRANGE", _OTHER.inbox, "-", "+"),
    "another's state": ("HSET", _OTHER.state, "state", "x"),
    "another's channel": ("PUBLISH", _OTHER.notify, "state"),
    "what is metered": ("HGETALL", "moorage:{SELF}:meter"),
    "writing what is metered": ("HSET", "moorage:{SELF}:meter", "costUsd", "0"),
    "all keys": ("KEYS", "*"),
    "the next key": ("SCAN", "0"),
    "a key of no session": ("HSET", "anything", "a", "b"),
    "deleting its own events": ("DEL", "moorage:{SELF}:events"),
    "cutting its own events": ("XTRIM", "moorage:{SELF}:events", "MAXLEN", "0"),
    "settings": ("CONFIG", "GET", "*"),
    "all data": ("FLUSHALL",),
    "users": ("ACL", "LIST"),
    "scripts": ("EVAL", "return 1", "0"),
    "other databases": ("SELECT", "1"),
    "listening to others": ("PSUBSCRIBE", "*"),
    "clients": ("CLIENT", "LIST"),
    "the server": ("SHUTDOWN", "NOSAVE"),
    "facts of the server": ("INFO",),
    "watching all": ("MONITOR",),
    "replication": ("REPLICAOF", "NO", "ONE"),
    "modules": ("MODULE", "LIST"),
    "the slow log": ("SLOWLOG", "GET"),
    "moving a key": ("RENAME", "moorage:{SELF}:events", "moorage:{another}:events"),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_everything_else_is_refused(session: tuple[str, Redis], what: str) -> None:
    session_id, redis = session
    command = [each.replace("{SELF}", f"{{{session_id}}}") for each in REFUSED[what]]
    with pytest.raises(NoPermissionError):
        await redis.execute_command(*command)  # type: ignore[no-untyped-call]


async def test_only_its_own_password_opens_it(
    session: tuple[str, Redis], server: RedisServer, users: RedisUsers
) -> None:
    session_id, _ = session
    other = make_redis(users.new_login(session_id).redis_url.get_secret_value())
    with pytest.raises(RedisError, match="invalid username-password"):
        await other.execute_command("PING")  # type: ignore[no-untyped-call]
    await other.aclose()


async def test_redis_is_told_no_password(
    session: tuple[str, Redis], admin: Redis, prefix: str
) -> None:
    session_id, redis = session
    password = redis.connection_pool.connection_kwargs["password"]
    listed = await admin.execute_command("ACL", "LIST")  # type: ignore[no-untyped-call]
    assert any(f"user {prefix}{session_id} ".encode() in each for each in listed)
    assert not any(str(password).encode() in each for each in listed)


async def test_a_user_that_is_removed_is_out_at_once_and_its_keys_expire(
    session: tuple[str, Redis], users: RedisUsers, admin: Redis
) -> None:
    session_id, redis = session
    keys = SessionKeys(session_id)
    await redis.xadd(keys.events, {"event": b"{}"})
    assert await users.look() == {session_id}
    await users.revoke(session_id)
    assert await users.look() == set()
    assert 0 < await admin.ttl(keys.events) <= FINISHED_TTL_SECONDS
    with pytest.raises(RedisError):
        await redis.xadd(keys.events, {"event": b"{}"})


async def test_users_of_others_are_left_alone(users: RedisUsers, admin: Redis) -> None:
    command = ("ACL", "SETUSER", "session.another-installation.x", "on", "nopass")
    await admin.execute_command(*command)  # type: ignore[no-untyped-call]
    assert await users.look() == set()


async def test_a_grant_takes_away_what_was_there_before(
    session: tuple[str, Redis], users: RedisUsers, admin: Redis, prefix: str
) -> None:
    session_id, redis = session
    widened = ("ACL", "SETUSER", f"{prefix}{session_id}", "allkeys", "allchannels", "+@all")
    await admin.execute_command(*widened)  # type: ignore[no-untyped-call]
    await users.grant(limited_subject(session_id), None)
    with pytest.raises(NoPermissionError):
        await redis.execute_command("KEYS", "*")  # type: ignore[no-untyped-call]
    with pytest.raises(NoPermissionError):
        await redis.publish(_OTHER.notify, "state")
