"""Who fills Redis is cut off, by what Redis itself holds; neighbours go on, honest ones stay."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, OutOfMemoryError, RedisError

from moorage_api.base import now
from moorage_api.events import FIELD, SystemData, SystemEvent, decode_entry
from moorage_api.keys import INBOX_GROUP, SessionKeys
from moorage_api.redis_client import FAILURES, make_redis
from moorage_api.tasks import end
from moorage_operator.floods import Floods
from moorage_operator.redis_users import RedisUsers
from moorage_operator.store import Store
from moorage_runner.publisher import Publisher
from moorage_testing.limited import limited_subject
from moorage_testing.redis import RedisServer, running_redis

MIB = 1024 * 1024
LIMIT = 8 * MIB
ROOM = 96 * MIB
MOST = 5_000
"""Events that a publisher keeps for certain while Redis takes none."""

Write = Callable[[Redis, SessionKeys], Awaitable[Any]]


@pytest.fixture(scope="module", params=["6.2", "7"])
def server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    with running_redis(seven=request.param == "7") as running:
        yield running


class Stage:
    """Sessions with their runners' logins, and the operator's eye on them; its clock is turned."""

    def __init__(self, admin: Redis, users: RedisUsers) -> None:
        self.admin = admin
        self.users = users
        self.store = Store()
        self.seconds = 0.0
        self.floods = Floods(admin, self.store, users, LIMIT, lambda: self.seconds)
        self.clients: list[Redis] = []

    async def session(self) -> tuple[str, Redis]:
        """Return a session that runs, and its runner's client."""
        uid = str(uuid4())
        login = self.users.new_login(uid)
        await self.users.grant(limited_subject(uid), login)
        self.store.put(
            "ClaudeSession",
            {
                "metadata": {"name": uid, "namespace": "team", "uid": uid, "resourceVersion": "1"},
                "spec": {"repository": {"url": "https://example.com/r.git"}},
            },
        )
        self.clients.append(make_redis(login.redis_url.get_secret_value()))
        return uid, self.clients[-1]

    async def look(self) -> set[str]:
        """Look a second later."""
        self.seconds += 1
        return await self.floods.look()

    async def names(self, uid: str) -> set[str]:
        """Return which keys a session has."""
        found = [each async for each in self.admin.scan_iter(f"moorage:{{{uid}}}:*")]
        return {each.decode().partition("}:")[2] for each in found}


@pytest.fixture
async def stage(admin: Redis, users: RedisUsers) -> AsyncIterator[Stage]:
    await admin.config_set("maxmemory", ROOM)
    await admin.config_set("maxmemory-policy", "noeviction")
    made = Stage(admin, users)
    yield made
    for each in made.clients:
        await each.aclose()


async def many(redis: Redis, calls: int, *command: object) -> None:
    pipe = redis.pipeline(transaction=False)
    for number in range(calls):
        words = {"#": str(number), "##": f"{number:01000}"}
        pipe.execute_command(*(words.get(str(each), each) for each in command))
    await pipe.execute()


KIB = b"x" * 1024
FLOODS: dict[str, Write] = {
    "many events": lambda redis, keys: many(redis, 12_000, "XADD", keys.events, "*", "event", KIB),
    "huge events": lambda redis, keys: many(redis, 5, "XADD", keys.events, "*", "e", KIB * 2048),
    "small events without end": lambda redis, keys: many(
        redis, 41_000, "XADD", keys.events, "*", "e", ""
    ),
    "a huge state": lambda redis, keys: redis.hset(keys.state, "state", (KIB * 9000).decode()),
    "a state that whoever reads it must carry": lambda redis, keys: redis.hset(
        keys.state, "state", (KIB * 5 * 1024).decode()
    ),
    "a state of many fields": lambda redis, keys: many(redis, 10_000, "HSET", keys.state, "#", KIB),
    "inputs given up": lambda redis, keys: many(redis, 12_000, "XADD", keys.dead, "*", "a", KIB),
    "groups of its inbox": lambda redis, keys: many(
        redis, 12_000, "XGROUP", "CREATE", keys.inbox, "##", "0", "MKSTREAM"
    ),
    "huge replies": lambda redis, keys: many(redis, 9, "RPUSH", keys.reply("1"), KIB * 1024),
    "many replies": lambda redis, keys: replies(redis, keys, 1_500),
}


async def replies(redis: Redis, keys: SessionKeys, count: int) -> None:
    pipe = redis.pipeline(transaction=False)
    for number in range(count):
        pipe.rpush(keys.reply(str(number)), "x")
    await pipe.execute()


@pytest.mark.parametrize("way", FLOODS)
async def test_who_keeps_too_much_is_cut_off(stage: Stage, way: str) -> None:
    (uid, redis), (other, neighbour) = await stage.session(), await stage.session()
    await neighbour.hset(SessionKeys(other).state, "state", "{}")
    assert await stage.look() == set()
    await FLOODS[way](redis, SessionKeys(uid))
    for _ in range(61):
        if found := await stage.look():
            break
    assert found == {uid}
    record = stage.store.get(uid)
    assert record is not None
    assert record.flooded
    assert await stage.names(uid) == set()
    with pytest.raises(RedisError):
        await redis.hset(SessionKeys(uid).state, "state", "{}")
    await neighbour.hset(SessionKeys(other).state, "state", "{}")
    assert await stage.users.look() == {other}
    assert await stage.look() == set()


async def test_nothing_hides_behind_small_nodes(stage: Stage) -> None:
    """Of a long stream Redis measures some nodes, the oldest, unless it is told to look at all."""
    uid, redis = await stage.session()
    keys = SessionKeys(uid)
    await many(redis, 500, "XADD", keys.events, "*", "e", KIB * 4)
    await many(redis, 9, "XADD", keys.events, "*", "e", KIB * 1024)
    guessed = await stage.admin.memory_usage(keys.events)
    assert guessed is not None
    assert guessed < LIMIT
    assert await stage.look() == {uid}


async def test_a_neighbour_of_a_flood_loses_nothing(stage: Stage) -> None:
    """The flood writes until it is cut off, over several connections; Redis gets full meanwhile."""
    stage.floods = Floods(stage.admin, stage.store, stage.users, LIMIT)
    (uid, redis), (other, neighbour) = await stage.session(), await stage.session()
    keys = SessionKeys(other)
    publisher = Publisher(neighbour, keys)
    publishing = asyncio.create_task(publisher.run())
    found, full, numbers = set[str](), asyncio.Event(), 0
    flooding = [asyncio.create_task(flood(redis, SessionKeys(uid), full)) for _ in range(4)]
    async with asyncio.timeout(60):
        while not found or not all(each.done() for each in flooding):
            if numbers < MOST:
                data = SystemData(subtype="number", message=str(numbers))
                publisher.publish(SystemEvent(timestamp=now(), data=data))
                numbers += 1
            await stage.admin.ping()  # gives the others a turn
            if full.is_set():  # the operator comes late: it was busy
                found |= await stage.floods.look()
        await publisher.flushed()
    await end(publishing)
    entries: Any = await stage.admin.xrange(keys.events)
    events = [decode_entry(other, at.decode(), fields[FIELD]) for at, fields in entries]
    assert [each.data.message for each in events if isinstance(each, SystemEvent)] == [
        str(each) for each in range(numbers)
    ]
    assert found == {uid}
    async with asyncio.timeout(60):  # what was written meanwhile goes with the next measurement
        while await stage.names(uid) or await held(stage.admin) > ROOM / 2:
            await stage.floods.look()


async def held(admin: Redis) -> int:
    """Return how many bytes Redis holds.

    That it is full does not show here: commands that are refused for what they bring leave it just
    below its most.
    """
    memory: Any = await admin.info("memory")
    return int(memory["used_memory"])


async def flood(redis: Redis, keys: SessionKeys, full: asyncio.Event) -> None:
    """Write until cut off; a Redis that is full is told of, and tried again."""
    while True:
        try:
            await many(redis, 100, "XADD", keys.events, "*", "event", KIB * 16)
        except NoPermissionError:
            return
        except OutOfMemoryError:
            full.set()
        except FAILURES:
            return
        with suppress(RedisError):
            await replies(redis, keys, 10)


async def test_a_large_stream_of_an_honest_session_is_cut_and_it_goes_on(stage: Stage) -> None:
    uid, redis = await stage.session()
    keys = SessionKeys(uid)
    await many(redis, 600, "XADD", keys.events, "*", "event", KIB * 8)
    newest: Any = await redis.xrevrange(keys.events, count=1)
    assert await stage.look() == set()
    left = await stage.admin.memory_usage(keys.events, samples=0)
    assert left is not None
    assert LIMIT // 8 < left < LIMIT // 2
    assert await redis.xrevrange(keys.events, count=1) == newest
    assert await stage.users.look() == {uid}


async def test_large_inputs_go_once_they_were_dealt_with(stage: Stage) -> None:
    uid, redis = await stage.session()
    key = SessionKeys(uid).inbox
    await redis.xgroup_create(key, INBOX_GROUP, id="0", mkstream=True)
    await many(stage.admin, 20, "XADD", key, "*", "input", KIB * 256)
    await redis.xreadgroup(INBOX_GROUP, "runner", {key: ">"}, count=15)
    entries: Any = await stage.admin.xrange(key)
    for at, _ in entries[:10]:
        await redis.xack(key, INBOX_GROUP, at)
    assert await stage.look() == set()
    left: Any = await stage.admin.xrange(key)
    assert left == entries[10:]


async def test_it_is_measured_only_when_redis_has_grown(stage: Stage) -> None:
    uid, redis = await stage.session()
    await stage.look()
    before: Any = await stage.admin.info("commandstats")
    await redis.xadd(SessionKeys(uid).events, {"event": "{}"})
    for _ in range(59):
        await stage.look()
    after: Any = await stage.admin.info("commandstats")
    assert after["cmdstat_scan"] == before["cmdstat_scan"]
    await stage.look()
    after = await stage.admin.info("commandstats")
    assert after["cmdstat_scan"]["calls"] == before["cmdstat_scan"]["calls"] + 1


async def test_a_flood_of_a_session_that_is_gone_is_cleared(stage: Stage) -> None:
    uid, redis = await stage.session()
    await FLOODS["many events"](redis, SessionKeys(uid))
    await stage.users.revoke(uid)
    stage.store.forget(uid)
    assert await stage.look() == set()
    assert await stage.names(uid) == set()


async def test_replies_that_nobody_fetches_go_with_their_session(stage: Stage) -> None:
    uid, redis = await stage.session()
    await replies(redis, SessionKeys(uid), 3)
    assert await stage.look() == set()
    assert await stage.names(uid) == {"grant", "reply:0", "reply:1", "reply:2"}
    await stage.users.revoke(uid)
    stage.seconds += 60
    assert await stage.look() == set()
    assert await stage.names(uid) == set()


async def test_sessions_of_another_installation_are_left_alone(stage: Stage) -> None:
    command = ("ACL", "SETUSER", "session.another.installation.x", "on", "nopass")
    await stage.admin.execute_command(*command)  # type: ignore[no-untyped-call]
    keys = SessionKeys("x")
    await FLOODS["many events"](stage.admin, keys)
    await replies(stage.admin, keys, 3)
    assert await stage.look() == set()
    assert await stage.names("x") == {"events", "reply:0", "reply:1", "reply:2"}
    await stage.admin.execute_command("ACL", "DELUSER", command[2])  # type: ignore[no-untyped-call]
