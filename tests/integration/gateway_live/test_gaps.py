"""What is missing is said: once, and then what there is."""

from typing import Any

from redis.asyncio import Redis

from moorage_api.base import now
from moorage_api.events import FIELD, MAX_EVENT_BYTES, GapData, GapEvent
from moorage_api.keys import SessionKeys
from moorage_testing.live import (
    LiveGateway,
    Received,
    SseClient,
    ask,
    publish,
    publish_texts,
)
from moorage_testing.redis import RedisServer


async def _after_greeting(client: SseClient, count: int) -> list[Received]:
    assert (await client.next()).type == "connected"
    return await client.take(count)


async def _trim(redis: Redis, session: str, keep: int) -> None:
    await redis.xtrim(SessionKeys(session).events, maxlen=keep, approximate=False)


async def test_what_was_trimmed_is_one_gap_and_then_what_is_held(gateway: LiveGateway) -> None:
    session = gateway.backend.add()
    ids = await publish_texts(gateway.redis, session, "abcdefghij")
    await _trim(gateway.redis, session, 4)
    client = await gateway.connect(gateway.path(session), last_id=ids[2])
    gap, *rest = await _after_greeting(client, 5)
    assert (gap.type, gap.data["data"]["reason"]) == ("gap", "trimmed")
    assert [event.text for event in rest] == list("ghij")

    again = await gateway.connect(gateway.path(session), last_id=gap.id)
    assert [event.text for event in await _after_greeting(again, 4)] == list("ghij")


async def test_nothing_is_said_where_nothing_is_missing(gateway: LiveGateway) -> None:
    session = gateway.backend.add()
    ids = await publish_texts(gateway.redis, session, "abcdef")
    await _trim(gateway.redis, session, 3)
    for after, expected in ((ids[3], "ef"), (ids[5], ""), ("0", "def")):
        client = await gateway.connect(gateway.path(session), last_id=after)
        [marker] = await publish_texts(gateway.redis, session, "!")
        events = await _after_greeting(client, len(expected) + 1)
        assert "".join(event.text for event in events) == expected + "!"
        await gateway.redis.xdel(SessionKeys(session).events, marker)


async def test_a_stream_that_is_gone_is_one_gap(gateway: LiveGateway) -> None:
    session = gateway.backend.add()
    ids = await publish_texts(gateway.redis, session, "ab")
    await gateway.redis.delete(SessionKeys(session).events)
    client = await gateway.connect(gateway.path(session), last_id=ids[1])
    [gap] = await _after_greeting(client, 1)
    await publish_texts(gateway.redis, session, "c")
    assert (gap.data["data"]["reason"], (await client.next()).text) == ("lost", "c")


async def test_a_stream_begun_anew_below_the_clients_id_is_one_gap(gateway: LiveGateway) -> None:
    session = gateway.backend.add()
    await publish_texts(gateway.redis, session, "xy")
    client = await gateway.connect(gateway.path(session), last_id="99999999999999-0")
    gap, *rest = await _after_greeting(client, 3)
    assert gap.data["data"]["reason"] == "lost"
    assert [event.text for event in rest] == list("xy")


async def test_the_runners_own_gap_is_enough(gateway: LiveGateway) -> None:
    session = gateway.backend.add()
    ids = await publish_texts(gateway.redis, session, "ab")
    await gateway.redis.delete(SessionKeys(session).events)
    lost = GapEvent(timestamp=now(), data=GapData(reason="lost", message="Redis lost events."))
    await publish(gateway.redis, session, lost)
    await publish_texts(gateway.redis, session, "c")
    client = await gateway.connect(gateway.path(session), last_id=ids[1])
    events = await _after_greeting(client, 2)
    assert [event.type for event in events] == ["gap", "message:delta"]


async def test_redis_that_lost_its_data_tells_live_clients_once(
    gateway: LiveGateway, redis_server: RedisServer
) -> None:
    session = gateway.backend.add()
    client = await gateway.connect(gateway.path(session))
    await client.next()
    await publish_texts(gateway.redis, session, "ab")
    await client.take(2)
    redis_server.kill()
    for file in redis_server.folder.glob("*.aof"):
        file.unlink()
    redis_server.start()
    gap = await client.next()
    await publish_texts(gateway.redis, session, "cd")
    assert (gap.type, gap.data["data"]["reason"]) == ("gap", "lost")
    assert [event.text for event in await client.take(2)] == ["c", "d"]


async def test_flushall_is_noticed_at_the_next_heartbeat(gateway: LiveGateway) -> None:
    session = gateway.backend.add()
    client = await gateway.connect(gateway.path(session))
    await client.next()
    await publish_texts(gateway.redis, session, "ab")
    await client.take(2)
    await gateway.redis.flushall()
    await gateway.hub.heartbeat()
    gap = await client.next()
    # Redis' clock may have gone back as well: ids below those before are followed too.
    await gateway.redis.xadd(SessionKeys(session).events, {FIELD: b"{}"}, id="1-1")
    invalid = await client.next()
    assert (gap.data["data"]["reason"], invalid.id) == ("lost", "1-1")


async def test_what_is_no_event_is_a_gap_in_its_place(gateway: LiveGateway) -> None:
    session = gateway.backend.add()
    key = SessionKeys(session).events
    client = await gateway.connect(gateway.path(session))
    await client.next()
    too_large = b'{"type":"' + b"x" * MAX_EVENT_BYTES + b'"}'
    write: Any = gateway.redis.xadd
    fields = [{FIELD: b"{"}, {"other": b"{}"}, {FIELD: too_large}, {FIELD: b'{"type":"x\\n"}'}]
    ids = [str((await write(key, field)).decode()) for field in fields]
    await publish_texts(gateway.redis, session, "a")
    *gaps, good = await client.take(5)
    assert [gap.id for gap in gaps] == ids
    assert {gap.data["data"]["reason"] for gap in gaps} == {"invalid"}
    assert good.text == "a"


async def test_a_key_that_is_no_stream_stops_nobody_else(gateway: LiveGateway) -> None:
    bad, good = gateway.backend.add(), gateway.backend.add()
    await gateway.redis.hset(SessionKeys(bad).events, "a", "b")
    sufferer = await gateway.connect(gateway.path(bad))
    client = await gateway.connect(gateway.path(good))
    await client.next()
    await sufferer.next()
    await publish_texts(gateway.redis, good, "ab")
    assert [event.text for event in await client.take(2)] == ["a", "b"]
    assert (await sufferer.next()).data["data"]["reason"] == "invalid"

    await gateway.redis.delete(SessionKeys(bad).events)
    await gateway.hub.heartbeat()
    await publish_texts(gateway.redis, bad, "c")
    assert (await sufferer.next()).text == "c"


async def test_polls_say_it_too(gateway: LiveGateway) -> None:
    session = gateway.backend.add()
    ids = await publish_texts(gateway.redis, session, "abcdef")
    await _trim(gateway.redis, session, 3)
    path = gateway.path(session, f"/poll?after={ids[0]}")
    _, body = await ask(gateway.port, path)
    assert body["gap"]["data"]["reason"] == "trimmed"
    assert [event["data"]["text"] for event in body["events"]] == list("def")
    assert body["lastEventId"] == ids[5]
